"""How numbers were measured: named in results, said in words, unknown in files of old versions."""

import json
from pathlib import Path

from anogen.detection.settings import MaximumOfMean, TopFractionMean, TopMean
from anogen.study.protocol import Protocol, protocol_sentence
from anogen.study.results import Results, Run, read_results, write_results

DRAEM = Protocol(image_score=MaximumOfMean(window=21), ground_truth="full", include_support=True)
DESTSEG = Protocol(image_score=TopMean(k=100), ground_truth="half", include_support=False)


def run(detector: str, protocol: Protocol | None) -> Run:
    return Run(
        category="tile",
        detector=detector,
        arm="procedural",
        seed=0,
        settings_hash="abc",
        protocol=protocol,
    )


def test_results_name_the_protocol_and_older_ones_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results = Results(runs=(run("destseg", DESTSEG), run("draem", DRAEM)))
    write_results(path, results)
    assert read_results(path) == results
    written = json.loads(path.read_text())
    assert written["runs"][1]["protocol"] == {
        "image_score": {"kind": "max_of_mean", "window": 21},
        "ground_truth": "full",
        "include_support": True,
    }
    for one in written["runs"]:
        del one["protocol"]
    path.write_text(json.dumps(written))
    assert [one.protocol for one in read_results(path).runs] == [None, None]


def test_one_sentence_says_it() -> None:
    assert protocol_sentence([("draem", None)]) == ""
    assert protocol_sentence([("draem", None), ("unet", DESTSEG), ("destseg", DESTSEG)]) == (
        "Measured so: an image's score is the mean of its 100 highest pixels of the score map, "
        "shrunken masks count from one half on, and support images are left out of the test "
        "images."
    )
    both = protocol_sentence([("draem", DRAEM), ("draem", DRAEM), ("destseg", DESTSEG)])
    assert both.startswith(
        "Measured so: for draem, an image's score is the largest mean of 21 x 21 pixels of the "
        "score map, shrunken masks count only where they are full, and support images are among "
        "the test images; for destseg, an image's score is the mean of its 100 highest pixels"
    )
    share = DRAEM.model_copy(update={"image_score": TopFractionMean(fraction=0.005)})
    assert "the mean of the highest 0.5 % of its pixels" in str(share)
