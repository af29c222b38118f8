"""Stage 2 of a run with AnomalyDiffusion's method: defects in masks, not in boxes."""

import shutil

import numpy as np
import torch

from anogen.bank.bank import Bank
from anogen.concept.concept import Concept
from anogen.data.images import read_image, write_png
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages.generate import generate
from anogen.study.stages.material import categories_of, supports_of
from anogen.study.stages.places import Places
from anogen.study.stages.planned import plan


def run_in(path, dataset, **given):
    settings = resolve(
        "quick",
        {
            "dataset": {"root": str(dataset)},
            "method": "anomalydiffusion",
            "synthesis": {"steps": 2},
            "bank": {"normals": 3, "attempts": 1},
        }
        | given,
    )
    run = RunFolder(path, settings)
    ((category, support),) = categories_of(run)
    return run, category, support


def regions_of(places, item, attempt):
    good, found = places.place(item, attempt)
    return [place.mask(*good.object.shape) for place in found]


def test_a_bank_of_masks(tmp_path, small_dataset, small_prior):
    run, category, support = run_in(tmp_path / "run", small_dataset)
    for defect in support.shots:
        tokens = torch.randn(2, small_prior.token_dim, generator=torch.Generator().manual_seed(0))
        Concept(category.name, defect, tokens, small_prior.fingerprint).save(
            run.concept(category.name, defect)
        )
    generate(run, category, support, small_prior)
    bank = Bank(run.bank(category.name))
    assert len(bank) == 6
    places = Places(
        category, {d: supports_of(samples) for d, samples in support.shots.items()}, run.settings
    )
    planned = {
        item.id: item for item in plan(category, sorted(support.shots), run.settings.bank, seed=0)
    }
    for entry in bank:
        assert entry.sampler["synthesizer"] == "anomalydiffusion"
        assert entry.sampler["reweighting"] == "fast"
        assert entry.reason != "the drawing fills its region like a patch"
        good, (place,) = places.place(planned[entry.id], 0)
        normal, region = good.image, place.mask(*good.object.shape)
        image, mask = bank.image(entry), bank.mask(entry)
        np.testing.assert_array_equal(normal, read_image(small_dataset / entry.normal))
        # Not only outside the box: outside the mask that was asked for.
        assert np.array_equal(image[~region], normal[~region])
        assert not mask[~region].any()


def test_masks_are_those_of_the_defect_and_several_keep_apart(tmp_path, small_dataset):
    """Spots are squares of 100 pixels, lines are 3 by 16: 48."""
    run, category, support = run_in(
        tmp_path / "run", small_dataset, placement={"defects": 2, "size_jitter": 0.1}
    )
    supports = {d: supports_of(samples) for d, samples in support.shots.items()}
    places = Places(category, supports, run.settings)
    areas = {"spot": [], "line": []}
    for item in plan(category, ["line", "spot"], run.settings.bank, seed=0):
        regions = regions_of(places, item, 0)
        assert len(regions) == 2
        assert not (regions[0] & regions[1]).any()
        areas[item.defect] += [int(region.sum()) for region in regions]
        again, moved = regions_of(places, item, 0), regions_of(places, item, 1)
        assert all(np.array_equal(a, b) for a, b in zip(regions, again, strict=True))
        assert not np.array_equal(regions[0], moved[0])
    assert 65 < np.median(areas["spot"]) < 150
    assert 30 < np.median(areas["line"]) < 75


def test_masks_that_are_cut_to_the_legal_region_keep_their_size(tmp_path, small_dataset):
    """Spots have 100 pixels: half of that, 50, stays in the part of the image that is legal."""
    legal = np.zeros((64, 64), bool)
    legal[:, 22:42] = True
    root = tmp_path / "dataset"
    shutil.copytree(small_dataset, root)
    write_png(root / "legal.png", legal)
    rules = {"legal": "legal.png", "on_foreground": 0.2, "foreground": "whole"}
    run, category, support = run_in(tmp_path / "run", root, placement=rules)
    supports = {"spot": supports_of(support.shots["spot"])}
    places = Places(category, supports, run.settings)
    cut = 0
    for item in plan(category, ["spot"], run.settings.bank, seed=0):
        for attempt in range(8):
            (region,) = regions_of(places, item, attempt)
            (whole,) = places.places(item, attempt)
            assert region.sum() >= 50
            assert not region[~legal].any()
            cut += int(whole.shape.sum() > region.sum())
    assert cut > 3
