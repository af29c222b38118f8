"""Ready-made studies of AnomalyDiffusion's tables: what their arms set, and the rows left empty."""

import csv
from pathlib import Path

import pytest

from anogen.study.cells import Cell, cells_of
from anogen.study.study_file import checked_study, read_study
from anogen.study.study_page import write_page
from anogen.study.study_results import COLUMNS, StudyGeneration, StudyResults, StudyRow
from anogen.study.tables import comma_separated, markdown

TABLES = [f"anomalydiffusion-table{number}" for number in (1, 2, 3, 4)]


def cells(name: str, dataset: Path, out: Path) -> dict[tuple[str, str], Cell]:
    tree = read_study(name).model_dump(mode="json")
    study = checked_study({**tree, "datasets": [{"root": str(dataset)}], "seeds": 1}, name)
    return {(arm, c.detector): c for c in cells_of(study, out) for arm in c.names}


@pytest.mark.parametrize("name", TABLES)
def test_all_learn_from_a_third_and_test_on_the_rest(
    name: str, small_dataset: Path, tmp_path: Path
) -> None:
    for cell in cells(name, small_dataset, tmp_path).values():
        assert cell.run.settings.support.split == "thirds"
        assert {defect: len(shots) for defect, shots in cell.support.shots.items()} == {
            "line": 2,
            "spot": 2,
        }


def test_the_ablation_leaves_out_what_the_paper_does(small_dataset: Path, tmp_path: Path) -> None:
    found = {}
    for (arm, detector), cell in cells(TABLES[3], small_dataset, tmp_path).items():
        settings = cell.run.settings
        assert detector == "unet"
        assert settings.method == "anomalydiffusion"
        found[arm] = (
            settings.concept.spatial != "none",
            settings.concept.mask_guided,
            settings.synthesis.reweighting != "none",
        )
    # Table 4 of the paper: SAE, masked loss, AAR.
    assert list(found.values()) == [
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (False, True, True),
        (True, True, True),
    ]


def test_sspcab_is_a_row_of_draem_only(small_dataset: Path, tmp_path: Path) -> None:
    found = cells(TABLES[2], small_dataset, tmp_path)
    assert [detector for arm, detector in found if arm == "SSPCAB"] == ["draem"]
    own, block = found["own anomalies", "draem"], found["SSPCAB", "draem"]
    assert (own.arm, block.arm) == ("draem", "draem")
    assert not own.run.settings.detectors["draem"].sspcab
    assert block.run.settings.detectors["draem"].sspcab
    assert own.name != block.name
    assert "SSPCAB" not in read_study(TABLES[2]).absent


def test_methods_and_their_banks_are_kept_apart(small_dataset: Path, tmp_path: Path) -> None:
    for table in TABLES[:2]:
        found = cells(table, small_dataset, tmp_path)
        ours, theirs = found["AnoGen", "unet"], found["AnomalyDiffusion", "unet"]
        assert ours.run.settings.method == "anogen"
        assert theirs.run.settings.method == "anomalydiffusion"
        assert ours.concept_key != theirs.concept_key
        assert ours.bank_key != theirs.bank_key
    assert all(
        cell.run.settings.evaluation.generation
        for cell in cells(TABLES[0], small_dataset, tmp_path).values()
    )


def test_baselines_that_do_not_exist_stay_empty(tmp_path: Path) -> None:
    def row(arm: str) -> StudyRow:
        values = dict.fromkeys(COLUMNS, 0.5)
        return StudyRow(
            product="plate",
            detector="unet",
            arm=arm,
            seeds=1,
            mean=values,
            deviation=dict.fromkeys(values),
        )

    generation = StudyGeneration(
        product="plate",
        arm="Ours",
        network="EfficientNet-Lite0",
        images=12,
        inception_score=1.8,
        ic_lpips=0.32,
        lpips=None,
        kid=0.0123,
    )
    results = StudyResults(
        title="Table",
        note="",
        preset="quick",
        base="Ours",
        products=("plate",),
        detectors=("unet",),
        arms=("Ours",),
        runs=(),
        rows=(row("Ours"),),
        gains=(),
        generation=(generation,),
        absent=("DFMGAN",),
        versions={},
    )
    text = markdown(results)
    assert f"| DFMGAN |{' – |' * (1 + len(COLUMNS))}" in text
    # A single seed has no deviation, and the reader is told.
    assert f"| Ours | 1 |{' 50.0 |' * len(COLUMNS)}" in text
    assert "One seed: no deviation can be given" in text
    assert "## Generated images of plate (EfficientNet-Lite0)" in text
    assert "| Ours | 12 | 1.80 | 0.320 | – | 0.0123 |" in text
    assert "| DFMGAN | – | – | – | – | – |" in text
    lines = list(csv.DictReader(comma_separated(results).splitlines()))
    assert [line["arm"] for line in lines] == ["Ours", "DFMGAN"]
    assert (lines[0]["seeds"], lines[0]["pixel_ap_mean"]) == ("1", "0.5")
    named = {name: value for name, value in lines[1].items() if value}
    assert named == {"product": "plate", "detector": "unet", "arm": "DFMGAN", "base": "Ours"}
    page = write_page(tmp_path, results, command=["anogen"]).read_text()
    assert page.count("DFMGAN") == 2
    assert "Generated images of plate (EfficientNet-Lite0)" in page
