"""results.json and scores.npz: their exact form, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from anogen.errors import InputError
from anogen.study.results import (
    DefectMetrics,
    Gain,
    ImageMetrics,
    PixelMetrics,
    Results,
    Run,
    metric_of,
    read_results,
    write_results,
)
from anogen.study.scores import Scores, read_scores, write_scores


def run(arm: str = "procedural", seed: int = 0, ap: float | None = 0.5) -> Run:
    return Run(
        category="tile",
        detector="draem",
        arm=arm,
        seed=seed,
        image=ImageMetrics(auroc=0.9, ap=ap),
        pixel=PixelMetrics(pro=0.25),
        defects={"crack": DefectMetrics(image=ImageMetrics(ap=0.125))},
        counts={"normals": 10, "support": 3},
        seconds={"train": 1.5},
        settings_hash="abc",
        versions={"anogen": "0.1.0"},
    )


def gain(metric: str = "pixel_ap") -> Gain:
    return Gain(
        category="tile",
        detector="draem",
        metric=metric,
        mean=0.02,
        low=-0.01,
        high=0.05,
        seeds=3,
        verdict="no difference",
    )


def test_the_file_has_the_form_of_the_design(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(path, Results(runs=(run(ap=None),), gain=(gain(),)))
    written = json.loads(path.read_text())
    assert written["schema"] == 1
    assert set(written) == {"schema", "runs", "gain", "classification", "generation"}
    assert written["runs"][0] == {
        "category": "tile",
        "detector": "draem",
        "arm": "procedural",
        "seed": 0,
        "image": {"auroc": 0.9, "ap": None, "f1max": None, "threshold": None},
        "pixel": {
            "auroc": None,
            "ap": None,
            "ap_by_type": None,
            "f1max": None,
            "threshold": None,
            "pro": 0.25,
            "located": None,
        },
        "defects": {
            "crack": {
                "image": {"auroc": None, "ap": 0.125, "f1max": None, "threshold": None},
                "pixel": {
                    "auroc": None,
                    "ap": None,
                    "ap_by_type": None,
                    "f1max": None,
                    "threshold": None,
                    "pro": None,
                    "located": None,
                },
            }
        },
        "counts": {"normals": 10, "support": 3},
        "seconds": {"train": 1.5},
        "settings_hash": "abc",
        "protocol": None,
        "review": None,
        "versions": {"anogen": "0.1.0"},
    }
    assert written["gain"][0]["verdict"] == "no difference"
    assert read_results(path) == Results(runs=(run(ap=None),), gain=(gain(),))


def test_the_bytes_do_not_depend_on_the_order(tmp_path: Path) -> None:
    runs = tuple(run(arm, seed) for arm in ("generated", "procedural") for seed in (10, 2))
    gains = (gain("pixel_ap"), gain("image_ap"))
    write_results(tmp_path / "a.json", Results(runs=runs, gain=gains))
    write_results(tmp_path / "b.json", Results(runs=runs[::-1], gain=gains[::-1]))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    seeds = [r["seed"] for r in json.loads((tmp_path / "a.json").read_text())["runs"]]
    assert seeds == [2, 10, 2, 10]


def test_older_results_have_no_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    old = run().model_dump(mode="json")
    for level in ("image", "pixel"):
        del old[level]["threshold"]
    path.write_text(json.dumps({"schema": 1, "runs": [old]}))
    (read,) = read_results(path).runs
    assert (read.image.threshold, read.pixel.threshold) == (None, None)
    assert read == run()


def test_metrics_are_found_by_name() -> None:
    assert metric_of(run(), "image_auroc") == 0.9
    assert metric_of(run(), "pixel_pro") == 0.25
    assert metric_of(run(), "image_ap", "crack") == 0.125
    assert metric_of(run(), "image_ap", "hole") is None


def test_the_folder_of_a_run_follows_the_design() -> None:
    assert run("procedural+generated", 3).folder == "detectors/tile/draem-procedural+generated-3"


def test_values_out_of_range_and_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        ImageMetrics(auroc=1.01)
    with pytest.raises(ValidationError):
        ImageMetrics(ap=float("nan"))
    with pytest.raises(ValidationError):
        ImageMetrics.model_validate({"aucroc": 0.5})


def test_missing_or_damaged_results_are_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(InputError, match="no results yet"):
        read_results(path)
    for text in ("{", '{"schema": 2}', '{"schema": 1, "runs": [{}]}'):
        path.write_text(text)
        with pytest.raises(InputError, match="no valid results"):
            read_results(path)


def scores(images: int = 3) -> Scores:
    rng = np.random.default_rng(0)
    return Scores(
        keys=np.array([f"{i}.png" for i in range(images)]),
        labels=np.array(["good", "crack", "ü"][:images]),
        image_scores=rng.random(images).astype(np.float32),
        score_maps=rng.random((images, 4, 4)).astype(np.float16),
        masks=rng.integers(2, size=(images, 4, 4)).astype(np.uint8),
        has_mask=np.array([False, True, False][:images]),
    )


def test_scores_come_back_and_equal_scores_are_equal_bytes(tmp_path: Path) -> None:
    write_scores(tmp_path / "a.npz", scores())
    write_scores(tmp_path / "b.npz", scores())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = read_scores(tmp_path / "a.npz")
    for name, array in vars(scores()).items():
        np.testing.assert_array_equal(getattr(again, name), array)
    assert list(again.defective) == [False, True, True]
    assert list(again.pixels_known) == [True, True, False]


def test_damaged_scores_are_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    with pytest.raises(InputError, match="no readable scores"):
        read_scores(path)
    write_scores(path, scores())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="no readable scores"):
        read_scores(path)
    np.savez(path, keys=np.array(["a"]))
    with pytest.raises(InputError, match="no readable scores"):
        read_scores(path)
    np.savez(path, **{**vars(scores()), "labels": np.array(["good"])})
    with pytest.raises(InputError, match="differ in length"):
        read_scores(path)
    np.savez(path, **{**vars(scores()), "keys": np.array([{}, {}, {}], dtype=object)})
    with pytest.raises(InputError, match="no readable scores"):
        read_scores(path)
