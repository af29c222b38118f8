"""The whole way on a small dataset with a small prior."""

import json
from pathlib import Path

import numpy as np
import pytest

from anogen.bank.bank import Bank
from anogen.data.images import read_image
from anogen.placement.box import Box
from anogen.study.pipeline import run_all
from anogen.study.settings import RunSettings, resolve

SMALL_RUN = (
    "concept.steps=4",
    "concept.check_every=2",
    "concept.views=2",
    "concept.batch_size=4",
    "synthesis.steps=3",
    "synthesis.batch_size=4",
    "bank.normals=3",
    "bank.attempts=2",
    "bank.least_change=0.0",
    "bank.smallest_area=0",
    "bank.most_filled=1.0",
    "training.seeds=1",
    "training.detectors=[unet]",
    "detectors.unet.image_size=64",
    "detectors.unet.start=random",
    "detectors.unet.width=4",
    "detectors.unet.steps=4",
    "detectors.unet.batch_size=2",
    "detectors.unet.precision=fp32",
)


def small_settings(dataset: Path, prior: Path) -> RunSettings:
    given = {"dataset": {"root": str(dataset)}, "prior": str(prior)}
    return resolve("quick", given, overrides=SMALL_RUN)


@pytest.fixture(scope="module")
def finished(
    small_dataset: Path, small_prior_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run_all(folder, small_settings(small_dataset, small_prior_file), command=["anogen"])
    return folder


def test_every_file_of_the_design_is_there(finished: Path) -> None:
    for name in (
        "config.yaml",
        "concepts/plate/line.safetensors",
        "concepts/plate/spot.safetensors",
        "bank/plate/manifest.jsonl",
        "detectors/plate/unet-procedural-0/model.safetensors",
        "detectors/plate/unet-procedural+generated-0/scores.npz",
        "detectors/plate/unet-procedural+generated-0/train.jsonl",
        "results.json",
        "report/index.html",
    ):
        assert (finished / name).stat().st_size > 0, name


def test_results_name_both_arms_and_count_what_was_left_out(finished: Path) -> None:
    results = json.loads((finished / "results.json").read_text())
    assert {run["arm"] for run in results["runs"]} == {"procedural", "procedural+generated"}
    counts = results["runs"][0]["counts"]
    # 2 x 7 defective images, 3 shots of each defect leave the test set.
    assert counts["test_defective"] == 2 * (7 - 3)
    assert counts["excluded"] == counts["support"] == 6
    assert {gain["metric"] for gain in results["gain"]} >= {"image_ap", "pixel_ap"}


def test_results_and_report_name_the_protocol(finished: Path) -> None:
    results = json.loads((finished / "results.json").read_text())
    assert results["runs"][0]["protocol"] == {
        "image_score": {"kind": "max_of_mean", "window": 21},
        "ground_truth": "half",
        "include_support": False,
    }
    page = (finished / "report/index.html").read_text()
    assert "score is the largest mean of 21 x 21 pixels of the score map" in page


def test_results_say_how_long_the_stages_of_an_arm_took(finished: Path) -> None:
    results = json.loads((finished / "results.json").read_text())
    stages = {run["arm"]: set(run["seconds"]) for run in results["runs"]}
    assert stages["procedural"] == {"train", "evaluate"}
    assert stages["procedural+generated"] >= {"learn", "generate", "train", "evaluate"}


def test_outside_the_box_every_pixel_is_the_normal_images(
    finished: Path, small_dataset: Path
) -> None:
    bank = Bank(finished / "bank/plate")
    assert len(bank) == 6
    for entry in bank:
        normal = read_image(small_dataset / entry.normal)
        image, (placed,) = bank.image(entry), entry.placed
        outside = ~Box(*placed).mask(*normal.shape)
        assert np.array_equal(image[outside], normal[outside])
        mask = bank.mask(entry)
        assert mask is not None
        assert not mask[outside].any()
