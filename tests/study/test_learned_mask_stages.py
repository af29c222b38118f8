"""Learned masks in a run: what each stage leaves, goes on with, and refuses."""

import numpy as np
import pytest

from anogen.bank.bank import Bank
from anogen.concept.concept import load_concept
from anogen.errors import InputError
from anogen.study import pipeline
from anogen.study.dry_run import dry_run
from anogen.study.durations import TIMES, seconds_of
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages.generate import generate
from anogen.study.stages.learn import need_concepts
from anogen.study.stages.learned_masks import sampled_masks
from anogen.study.stages.material import categories_of, supports_of
from anogen.study.stages.places import Places
from anogen.study.stages.planned import plan
from anogen.synthesis import mask_generation

QUICK = (
    "support.shots=1",
    "concept.steps=1",
    "concept.check_every=1",
    "concept.views=1",
    "concept.batch_size=2",
    "concept.init=defect",
    "synthesis.steps=2",
    "synthesis.batch_size=2",
    "bank.normals=3",
    "bank.attempts=1",
    "masks.source=learned",
    "masks.steps=1",
    "masks.batch_size=2",
    "masks.count=3",
    "masks.sampling_steps=2",
)


def run_in(path, dataset, *overrides):
    given = {"dataset": {"root": str(dataset)}, "method": "anomalydiffusion"}
    run = RunFolder(path, resolve("quick", given, overrides=(*QUICK, *overrides)))
    return run, categories_of(run)


@pytest.fixture
def drawable(monkeypatch):
    """Random weights draw no masks: what was drawn is read as Ls, of the size of spots (10 by 10
    pixels, 21 by 21 in a square of 32) or of lines (3 by 16 pixels, 4 by 21)."""
    real = mask_generation._batch

    def ells(prior, tokens, seeds, settings):
        found = np.zeros_like(real(prior, tokens, seeds, settings))
        for mask, seed in zip(found, seeds, strict=True):
            length = 12 + seed % 7
            if seed % 2:
                mask[8:14, 3 : 3 + length] = mask[14:17, 3:7] = True
            else:
                mask[4:22, 3 : 3 + length] = mask[22:27, 3:9] = True
        return found

    monkeypatch.setattr(mask_generation, "_batch", ells)


def files_of(run):
    return {
        path.relative_to(run.path).as_posix(): path.read_bytes()
        for path in run.path.rglob("*")
        if path.is_file() and path.name != TIMES
    }


@pytest.mark.usefixtures("drawable")
def test_masks_are_learned_sampled_and_drawn_in(tmp_path, small_dataset, small_prior):
    run, pairs = run_in(tmp_path / "run", small_dataset)
    ((category, support),) = pairs
    pipeline.learn_stage(run, pairs, small_prior)
    assert seconds_of(run.concepts("plate"))["learn"] > 0
    for defect in ("line", "spot"):
        embedding = load_concept(run.path / f"concepts/plate/masks/{defect}.safetensors")
        embedding.check(small_prior.fingerprint)
        assert embedding.tokens.shape == (4, small_prior.token_dim)
    pipeline.generate_stage(run, pairs, small_prior)
    supports = {d: supports_of(samples) for d, samples in support.shots.items()}
    sampled = sampled_masks(run, category, supports, small_prior)
    size = small_prior.image_size
    assert {name: masks.shape for name, masks in sampled.items()} == dict.fromkeys(
        ("line", "spot"), (3, size, size)
    )
    bank = Bank(run.bank("plate"))
    assert len(bank) == 6
    places = Places(category, supports, run.settings, sampled=sampled)
    for item in plan(category, ["line", "spot"], run.settings.bank, seed=0):
        good, (place,) = places.place(item, 0)
        normal, region = good.image, place.mask(*good.object.shape)
        entry = bank.manifest[item.id]
        image = bank.image(entry)
        assert np.array_equal(image[~region], normal[~region])
        # The sampled shape is an L: its box is neither full nor a support's square.
        assert 0.3 < region[np.ix_(region.any(axis=1), region.any(axis=0))].mean() < 0.95


@pytest.mark.usefixtures("drawable")
def test_a_stopped_run_ends_with_the_same_bytes(tmp_path, small_dataset, small_prior, monkeypatch):
    (whole, pairs), (broken, _) = (run_in(tmp_path / name, small_dataset) for name in "ab")
    pipeline.learn_stage(whole, pairs, small_prior)
    pipeline.generate_stage(whole, pairs, small_prior)

    from anogen.study.stages import learned_masks

    for name in ("learn_mask_embedding", "sample_masks"):
        real, calls = getattr(learned_masks, name), []

        def once(*arguments, real=real, calls=calls, **given):
            calls.append(given)
            if len(calls) == 2:  # the first defect is done, the second is not
                raise KeyboardInterrupt
            return real(*arguments, **given)

        monkeypatch.setattr(learned_masks, name, once)
        stage = pipeline.learn_stage if name == "learn_mask_embedding" else pipeline.generate_stage
        with pytest.raises(KeyboardInterrupt):
            stage(broken, pairs, small_prior)
        stage(broken, pairs, small_prior)
        assert len(calls) == 3
    assert files_of(broken) == files_of(whole)


@pytest.mark.usefixtures("drawable")
def test_what_is_missing_or_foreign_is_told(tmp_path, small_dataset, small_prior):
    run, pairs = run_in(tmp_path / "run", small_dataset)
    ((category, support),) = pairs
    pipeline.learn_stage(run, pairs, small_prior)
    generate(run, category, support, small_prior)
    supports = {d: supports_of(samples) for d, samples in support.shots.items()}
    path = run.masks("plate", "spot")
    for content in (run.masks("plate", "line").read_bytes(), b"PK no"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"spot\.npz: .*delete it and generate again"):
            sampled_masks(run, category, supports, small_prior)
    run.mask_embedding("plate", "spot").unlink()
    with pytest.raises(InputError, match=r"masks/spot\.safetensors: not learned yet"):
        need_concepts(run, category, support)
    with pytest.raises(InputError, match=r"masks.source: .* --set masks.source=varied"):
        Places(category, supports, run.settings)


@pytest.mark.usefixtures("drawable")
def test_few_masks_are_told(tmp_path, small_dataset, small_prior, monkeypatch, capsys):
    """As many samples as masks are wanted, and one of them is refused."""
    run, pairs = run_in(tmp_path / "run", small_dataset, "masks.attempts=1")
    pipeline.learn_stage(run, pairs, small_prior)
    ((category, support),) = pairs
    supports = {"spot": supports_of(support.shots["spot"])}
    verdicts = iter(["copy", None, None])
    monkeypatch.setattr(mask_generation.Rules, "problem", lambda *_: next(verdicts))
    found = sampled_masks(run, category, supports, small_prior)
    assert len(found["spot"]) == 2
    assert "note: plate/spot: only 2 of 3 masks" in capsys.readouterr().err


def test_a_dry_run_counts_them(tmp_path, small_dataset, small_prior_file):
    run, pairs = run_in(tmp_path / "run", small_dataset, f"prior={small_prior_file}")
    found = dry_run(run, pairs)
    assert (found.masks, found.concepts) == (6, 2)
    lines = "\n".join(found.lines())
    assert "masks to sample before: 6" in lines
    assert "2 concepts and 2 mask embeddings" in lines


def test_other_masks_are_other_numbers(tmp_path, small_dataset):
    hashes = {
        run_in(tmp_path, small_dataset, f"masks.steps={steps}")[0].settings_hash(
            "destseg", "procedural+generated"
        )
        for steps in (1, 2)
    }
    assert len(hashes) == 2
