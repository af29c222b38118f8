"""Studies: cells that share and go on, tables that can be worked out by hand, broken files."""

import csv
import json
import re
import shutil
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest
import yaml

from anogen.errors import InputError
from anogen.files import write_bytes
from anogen.metrics.ranking import ranking_metrics
from anogen.study import run_study as running
from anogen.study.cells import CELLS, cells_of
from anogen.study.run_study import extent_of, run_study
from anogen.study.scores import read_scores
from anogen.study.stages.evaluate import evaluate
from anogen.study.study_file import Study, arm_of, checked_study, read_study, ready_made

COMMON = {
    "concept": {"steps": 2, "check_every": 2, "views": 1, "batch_size": 4},
    "synthesis.steps": 2,
    "bank": {
        "normals": 2,
        "attempts": 1,
        "least_change": 0.0,
        "smallest_area": 0,
        "most_filled": 1.0,
    },
    "detectors.*": {
        "image_size": 64,
        "start": "random",
        "width": 4,
        "steps": 3,
        "batch_size": 2,
        "precision": "fp32",
    },
}


def tree_of(dataset: Path, prior: Path, **more: Any) -> dict[str, Any]:
    return {
        "title": "With and without",
        "datasets": [{"root": str(dataset)}],
        "detectors": "unet",
        "seeds": 2,
        "settings": {**COMMON, "prior": str(prior)},
        "base": "plain",
        "arms": [
            {"name": "plain", "sources": "draem"},
            {"name": "boxes", "sources": "draem+generated", "settings": {"training.label": "box"}},
            {"name": "masks", "sources": ["generated", "draem"]},
        ],
        **more,
    }


@pytest.fixture(scope="module")
def study(small_dataset: Path, small_prior_file: Path) -> Study:
    return checked_study(tree_of(small_dataset, small_prior_file), "study.yaml")


@pytest.fixture(scope="module")
def finished(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies") / "three"
    run_study(folder, study, command=["anogen", "study"])
    return folder


def files_of(folder: Path) -> dict[str, int]:
    """When each file of the cells was written."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in (folder / CELLS).rglob("*")
        if path.is_file()
    }


def test_what_a_study_is_counts_shared_work_once(study: Study, tmp_path: Path) -> None:
    extent = extent_of(cells_of(study, tmp_path / "none"))
    # Three arms with two seeds; the two generated ones share 2 concepts and 2 x 2 images.
    assert extent.lines() == [
        "cells: 3, 3 left",
        "concepts: 2, 2 left",
        "images: 4, 4 left",
        "trainings: 6, 6 left",
    ]
    assert not (tmp_path / "none").exists()


def test_cells_share_concepts_and_bank(study: Study, finished: Path) -> None:
    cells = {cell.names[0]: cell for cell in cells_of(study, finished)}
    boxes, masks = cells["boxes"].run, cells["masks"].run
    assert not cells["plain"].run.bank("plate").exists()
    for defect in ("line", "spot"):
        assert (
            boxes.concept("plate", defect).read_bytes()
            == masks.concept("plate", defect).read_bytes()
        )
    images = sorted((boxes.bank("plate") / "images").iterdir())
    assert len(images) == 4
    for image in images:
        assert image.samefile(masks.bank("plate") / "images" / image.name)
    assert extent_of(list(cells.values())).lines() == [
        "cells: 3, 0 left",
        "concepts: 2, 0 left",
        "images: 4, 0 left",
        "trainings: 6, 0 left",
    ]


def test_table_values_are_those_of_the_results(finished: Path) -> None:
    told = json.loads((finished / "study.json").read_text())
    assert [row["arm"] for row in told["rows"]] == ["plain", "boxes", "masks"]
    by_arm: dict[str, list[dict[str, Any]]] = {}
    for run in told["runs"]:
        stored = json.loads((finished / run["cell"] / "results.json").read_text())["runs"]
        (same,) = [one for one in stored if one["seed"] == run["seed"]]
        assert (same["image"], same["pixel"]) == (run["image"], run["pixel"])
        assert same["protocol"] == run["protocol"]
        assert run["protocol"]["ground_truth"] == "half"
        assert run["protocol"]["image_score"] == {"kind": "max_of_mean", "window": 21}
        by_arm.setdefault(run["arm"], []).append(same)
    for row in told["rows"]:
        for level, name in (("image", "auroc"), ("pixel", "ap"), ("pixel", "pro")):
            values = [run[level][name] for run in by_arm[row["arm"]]]
            assert len(values) == 2
            assert row["mean"][f"{level}_{name}"] == pytest.approx(mean(values))
            assert row["deviation"][f"{level}_{name}"] == pytest.approx(stdev(values))
    for gain in told["gains"]:
        level, _, name = gain["metric"].partition("_")
        pairs = zip(by_arm["plain"], by_arm[gain["arm"]], strict=True)
        expected = mean(other[level][name] - base[level][name] for base, other in pairs)
        assert gain["mean"] == pytest.approx(expected)
        assert gain["low"] <= gain["high"]
    assert {gain["arm"] for gain in told["gains"]} == {"boxes", "masks"}


def test_tables_say_what_study_json_says(finished: Path) -> None:
    told = json.loads((finished / "study.json").read_text())
    (row,) = [row for row in told["rows"] if row["arm"] == "boxes"]
    value, deviation = row["mean"]["pixel_ap"], row["deviation"]["pixel_ap"]
    text = (finished / "tables.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("| boxes | 2 |")]
    assert line.split(" | ")[5] == f"{100 * value:.1f} ± {100 * deviation:.1f}"
    assert (
        "| arm | seeds | image AUROC | image AP | pixel AUROC | pixel AP | "
        "pixel AP by type | pixel F1-max | PRO |" in text
    )
    lines = list(csv.DictReader((finished / "tables.csv").open()))
    (told_row,) = [each for each in lines if each["arm"] == "boxes"]
    assert float(told_row["pixel_ap_mean"]) == pytest.approx(value, abs=1e-6)
    assert [each["pixel_ap_gain"] == "" for each in lines] == [True, False, False]
    page = (finished / "report/index.html").read_text()
    assert f"{100 * value:.1f}<small>± {100 * deviation:.1f}</small>" in page
    assert "http" not in page.replace("http-equiv", "")
    for shown in (text, page):
        assert "support images are left out of the test images." in shown


def test_a_finished_study_does_nothing_again(study: Study, finished: Path) -> None:
    before, text = files_of(finished), (finished / "study.json").read_text()
    run_study(finished, study, command=["anogen", "study"])
    assert files_of(finished) == before
    assert (finished / "study.json").read_text() == text


def test_a_broken_off_study_ends_with_the_same_numbers(
    study: Study, finished: Path, tmp_path: Path, monkeypatch
) -> None:
    done = []

    def fail_in_the_second(run, pairs):
        done.append(run.path)
        if len(done) == 2:
            raise KeyboardInterrupt
        return evaluate(run, pairs)

    monkeypatch.setattr(running, "evaluate", fail_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run_study(tmp_path / "again", study, command=["anogen", "study"])
    assert not (tmp_path / "again/study.json").exists()
    broken = files_of(tmp_path / "again")
    run_study(tmp_path / "again", study, command=["anogen", "study"])
    after = files_of(tmp_path / "again")
    made = [name for name in broken if not name.endswith(("seconds.json", "manifest.jsonl"))]
    assert made
    assert [name for name in made if after[name] != broken[name]] == []
    assert (tmp_path / "again/study.json").read_bytes() == (finished / "study.json").read_bytes()


def test_what_is_odd_about_a_dataset_stands_above_the_tables(
    study: Study, tmp_path: Path, monkeypatch
) -> None:
    """Also where the study was broken off, and its dataset is not checked again."""
    notice = "part: the good test images have another light than the rest."
    monkeypatch.setattr(running, "check_dataset", lambda _: [notice])

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "_train", killed)
    with pytest.raises(KeyboardInterrupt):
        run_study(tmp_path, study, command=["anogen", "study"])
    monkeypatch.undo()
    results = run_study(tmp_path, study, command=["anogen", "study"])
    assert results.notices == (notice,)
    page = (tmp_path / "report/index.html").read_text()
    spans = [int(span) for span in re.findall(r'colspan="(\d)" scope="colgroup"', page)]
    assert spans == [2, 6]
    assert f"- {notice}" in (tmp_path / "tables.md").read_text()
    assert notice in (tmp_path / "report/index.html").read_text()
    assert run_study(tmp_path, study, command=["anogen", "study"]) == results


def test_another_arm_and_seed_only_add(
    finished: Path, small_dataset: Path, small_prior_file: Path
) -> None:
    tree = tree_of(small_dataset, small_prior_file, seeds=3)
    tree["arms"] += [{"name": "pasted", "sources": "croppaste"}]
    more = checked_study(tree, "study.yaml")
    assert extent_of(cells_of(more, finished)).lines() == [
        "cells: 4, 4 left",
        "concepts: 2, 0 left",
        "images: 4, 0 left",
        "trainings: 12, 6 left",
    ]


def test_arms_with_other_shots_are_measured_on_what_both_hold_out(
    small_dataset: Path, small_prior_file: Path, tmp_path: Path
) -> None:
    tree = tree_of(small_dataset, small_prior_file, base="1 shots", seeds=1, arms=[])
    tree["grid"] = {
        "setting": "support.shots",
        "values": [1, 3],
        "name": "{value} shots",
        "sources": "croppaste",
    }
    study = checked_study(tree, "study.yaml")
    results = run_study(tmp_path / "shots", study, command=[])
    # 4 good ones and 2 x 7 defective ones; three shots of each leave 4 + 8, one leaves 4 + 12.
    assert {run.arm: (run.images, run.excluded) for run in results.runs} == {
        "1 shots": (12, 4),
        "3 shots": (12, 0),
    }
    (one,), (three,) = (
        [cell for cell in cells_of(study, tmp_path / "shots") if cell.names == (name,)]
        for name in ("1 shots", "3 shots")
    )
    scores = {
        cell.names[0]: read_scores(
            cell.run.detector("plate", "unet", "croppaste", 0) / "scores.npz"
        )
        for cell in (one, three)
    }
    both = np.isin(scores["1 shots"].keys, scores["3 shots"].keys)
    assert both.sum() == 12
    (run,) = [run for run in results.runs if run.arm == "1 shots"]
    chosen = scores["1 shots"]
    expected = ranking_metrics(chosen.image_scores[both], chosen.defective[both])
    assert run.image.auroc == pytest.approx(expected.auroc)
    pixels = ranking_metrics(chosen.score_maps[both].ravel(), (chosen.masks[both] > 0).ravel())
    assert run.pixel.ap == pytest.approx(pixels.ap)
    text = (tmp_path / "shots/tables.md").read_text()
    assert "plate: 12 held-out test images, 8 of them defective; every arm holds these out" in text
    assert "(up to 16 in one arm)" in text


def test_an_arm_may_stand_in_the_tables_of_one_detector(
    small_dataset: Path, small_prior_file: Path, tmp_path: Path
) -> None:
    tree = tree_of(small_dataset, small_prior_file, seeds=1, detectors=["unet", "draem"])
    tree["settings"] = {**tree["settings"], "detectors.draem.reconstruction_width": 4}
    block = {"name": "block", "sources": "draem", "settings": {"detectors.draem.sspcab": True}}
    tree["arms"] = [tree["arms"][0], block | {"detectors": "draem"}]
    results = run_study(tmp_path / "out", checked_study(tree, "study.yaml"), command=[])
    assert [(row.detector, row.arm) for row in results.rows] == [
        ("unet", "plain"),
        ("draem", "plain"),
        ("draem", "block"),
    ]
    assert {(gain.detector, gain.arm) for gain in results.gains} == {("draem", "block")}
    text = (tmp_path / "out/tables.md").read_text()
    unet, draem = text.partition("## plate, draem")[::2]
    assert "| block |" in draem
    assert "block" not in unet
    with pytest.raises(InputError, match="base 'block' does not stand in the tables of all"):
        checked_study({**tree, "base": "block"}, "study.yaml")


def test_the_average_over_products_is_taken_seed_by_seed(
    small_dataset: Path, small_prior_file: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_dataset, tmp_path / "other")
    tree = tree_of(small_dataset, small_prior_file)
    tree["datasets"] = [
        {"root": str(small_dataset)},
        {"root": str(tmp_path / "other"), "defects": "spot"},
    ]
    tree["arms"] = [tree["arms"][0], {"name": "pasted", "sources": "croppaste"}]
    results = run_study(tmp_path / "out", checked_study(tree, "study.yaml"), command=[])
    first = f"{small_dataset.name}/plate"
    assert results.products == (first, "other/plate")
    value = {(r.product, r.arm, r.seed): r.pixel.ap or 0.0 for r in results.runs}
    assert min(value.values()) > 0
    assert len(value) == 2 * 2 * 2
    by_seed = {
        arm: [mean(value[product, arm, seed] for product in results.products) for seed in (0, 1)]
        for arm in ("plain", "pasted")
    }
    rows = {row.arm: row for row in results.rows if row.product is None}
    for arm, values in by_seed.items():
        assert rows[arm].mean["pixel_ap"] == pytest.approx(mean(values))
        assert rows[arm].deviation["pixel_ap"] == pytest.approx(stdev(values))
    (gain,) = [g for g in results.gains if g.product is None and g.metric == "pixel_ap"]
    assert gain.mean == pytest.approx(mean(by_seed["pasted"]) - mean(by_seed["plain"]))
    assert "## mean of 2 products, unet" in (tmp_path / "out/tables.md").read_text()


@pytest.mark.parametrize("name", sorted(ready_made()))
def test_ready_made_studies_resolve(name: str, small_dataset: Path, tmp_path: Path) -> None:
    tree = read_study(name).model_dump(mode="json")
    study = checked_study({**tree, "datasets": [{"root": str(small_dataset)}], "seeds": 1}, name)
    cells = cells_of(study, tmp_path)
    assert {arm for cell in cells for arm in cell.names} == {arm.name for arm in study.rows}
    wanted = [
        (a.name, d) for a in study.rows for d in study.detectors if a.detectors in (None, (d,))
    ]
    assert len(cells) == len(wanted)


def test_table_1_has_a_row_for_every_method_of_the_paper() -> None:
    study = read_study("table1")
    assert study.absent == ("CS-Flow", "PaDim", "PatchCore", "RD4AD")
    assert [row.name for row in study.rows] == ["original", "AnoGen"]
    assert study.detectors == ("draem", "destseg")


def test_table_3_and_4_are_the_papers(small_dataset: Path, tmp_path: Path) -> None:
    def cells(name: str):
        tree = read_study(name).model_dump(mode="json")
        return cells_of(
            checked_study({**tree, "datasets": [{"root": str(small_dataset)}]}, name), tmp_path
        )

    table3 = {cell.run.settings.detectors["draem"].tau: cell for cell in cells("table3")}
    assert sorted(table3) == [0.8, 0.9, 0.95, 1.0]
    assert len({cell.bank_key for cell in table3.values()}) == 1
    assert {cell.arm for cell in cells("table4")} == {
        "cutpaste",
        "draem",
        "generated",
        "cutpaste+generated",
        "draem+generated",
    }
    figure5 = [cell.run.settings.bank for cell in cells("figure5")]
    assert [bank.boxes * bank.samples for bank in figure5] == [1, 2, 4, 8]


def test_sources_are_put_in_order() -> None:
    assert arm_of(("generated", "cutpaste")) == arm_of(("cutpaste+generated",))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"armz": []}, "study.yaml: armz: there is no such key; known are: title, note"),
        ({"base": "none"}, "study.yaml: base 'none' is none of the arms; they are: plain, boxes"),
        ({"arms": []}, "study.yaml: names no arms"),
        ({"arms": [{"name": "plain"}]}, "study.yaml: arms.0.sources: Field required."),
        (
            {"arms": [{"name": "plain", "sources": "perlin"}]},
            "arm 'plain': unknown source 'perlin'; known are: draem, cutpaste",
        ),
        (
            {"arms": [{"name": "plain", "sources": ["draem", "draem"]}]},
            "arm 'plain': the arm 'draem+draem' names draem twice.",
        ),
        (
            {"arms": [{"name": "plain", "sources": "draem"}] * 2},
            "study.yaml: two arms are called 'plain'",
        ),
        (
            {"settings": {"training.seeds": 4}},
            "study.yaml: setting training.seeds: a study says this under 'seeds'.",
        ),
        ({"settings": {"a..b": 4}}, "a..b: write settings as stage.option: value"),
        ({"seeds": 0}, "study.yaml: seeds: Input should be greater than or equal to 1."),
        ({"preset": "fast"}, "study.yaml: preset: Input should be"),
    ],
)
def test_broken_studies_are_one_sentence(
    change: dict[str, Any],
    sentence: str,
    small_dataset: Path,
    small_prior_file: Path,
    tmp_path: Path,
    monkeypatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    tree = {**tree_of(small_dataset, small_prior_file), **change}
    Path("study.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(InputError) as raised:
        read_study("study.yaml")
    assert sentence in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"settings": {"concept.stepz": 1}}, "arm 'plain': setting concept.stepz: there is no"),
        ({"settings": {"detectors.vit.steps": 1}}, "setting detectors.vit: unknown detector"),
        ({"settings": {"detectors.*.stepz": 1}}, "arm 'plain': "),
        ({"settings": {"support.shots": 9}}, "fewer than the 9 shots"),
        ({"datasets": []}, "the study names no dataset; give one with --dataset."),
        ({"settings": {"prior": "nowhere.safetensors"}}, "nowhere.safetensors"),
    ],
)
def test_wrong_settings_leave_no_folder(
    change: dict[str, Any],
    sentence: str,
    small_dataset: Path,
    small_prior_file: Path,
    tmp_path: Path,
) -> None:
    study = checked_study({**tree_of(small_dataset, small_prior_file), **change}, "study.yaml")
    with pytest.raises(InputError) as raised:
        run_study(tmp_path / "out", study, command=[])
    assert sentence in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_else_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is no study and not empty"):
        run_study(tmp_path, study, command=[])


def test_a_kill_between_copies_leaves_no_concept_without_its_prior(
    small_dataset: Path, small_prior_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**COMMON, "prior": str(small_prior_file), "concept.joint_rank": 1}
    tree = tree_of(small_dataset, small_prior_file, settings=settings)
    cells = cells_of(checked_study(tree, "study.yaml"), tmp_path)
    own, other = (cell for cell in cells if cell.concept_key is not None)
    there = [
        other.run.joint_prior("plate"),
        *map(other.run.concept, ["plate"] * 2, ["line", "spot"]),
    ]
    for path in there:
        write_bytes(path, path.name.encode())
    written = []

    def stopped(path: Path, _: bytes) -> None:
        written.append(path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, "write_bytes", stopped)
        with pytest.raises(KeyboardInterrupt):
            running._take_concepts(own, [other])
    assert written == [own.run.joint_prior("plate")]
    running._take_concepts(own, [other])
    for path in there:
        assert (own.run.path / path.relative_to(other.run.path)).read_bytes() == path.read_bytes()


def test_a_measure_that_is_asked_for_later_is_of_the_settings(
    study: Study, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, folder := tmp_path / "study")

    def measured(**images: int) -> tuple[str, ...]:
        asked = {"generation": True, "generation_network": "random"}
        asked |= {"generation_images": images["images"]} if images else {}
        overrides = tuple(f"evaluation.{name}={value}" for name, value in asked.items())
        left = [c for c in cells_of(study, folder, overrides=overrides) if c.finished() is None]
        results = run_study(folder, study, overrides=overrides, command=[])
        return (*(cell.names[0] for cell in left), *{str(g.images) for g in results.generation})

    # Of two defects two images each, all of them accepted; one arm generates nothing.
    assert measured() == ("boxes", "masks", "4")
    assert measured(images=1) == ("boxes", "masks", "2")
    assert measured(images=1) == ("2",)


def test_classifiers_of_other_settings_have_other_cells(study: Study, tmp_path: Path) -> None:
    def names(*overrides: str) -> dict[str, str]:
        return {c.names[0]: c.name for c in cells_of(study, tmp_path, overrides=overrides)}

    plain, one = names(), names("training.classifier=true", "classifier.flips=true")
    two = names("training.classifier=true", "classifier.flips=false")
    assert names("classifier.flips=false") == plain
    assert plain["plain"] == one["plain"] == two["plain"]
    assert len({plain["boxes"], one["boxes"], two["boxes"]}) == 3


def test_a_missing_forbidden_mask_of_one_arm_is_said_first(
    small_dataset: Path, small_prior_file: Path, tmp_path: Path
) -> None:
    arms = tree_of(small_dataset, small_prior_file)["arms"]
    arms[2]["settings"] = {"placement.forbidden": "nowhere.png"}
    study = checked_study(tree_of(small_dataset, small_prior_file, arms=arms), "study.yaml")
    with pytest.raises(InputError, match=r"placement.forbidden: no file nowhere.png"):
        run_study(tmp_path / "study", study, command=[])
    assert not (tmp_path / "study").exists()
