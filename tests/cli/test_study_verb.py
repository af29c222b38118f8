"""``anogen study``: what it lists, counts, prints and refuses."""

import json
from pathlib import Path

import pytest
import yaml

SMALL = (
    "detectors.*.image_size=64",
    "detectors.*.start=random",
    "detectors.*.width=4",
    "detectors.*.steps=1",
    "detectors.*.batch_size=2",
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch) -> Path:
    """A study that needs no prior, in the working directory."""
    monkeypatch.chdir(tmp_path)
    study = {
        "title": "Pasted",
        "detectors": "unet",
        "seeds": 1,
        "base": "cut",
        "arms": [
            {"name": "cut", "sources": "cutpaste"},
            {"name": "cut, pasted", "sources": ["cutpaste", "croppaste"]},
        ],
    }
    Path("pasted.yaml").write_text(yaml.safe_dump(study))
    return Path("pasted.yaml")


def sets(*overrides: str) -> tuple[str, ...]:
    return tuple(part for override in overrides for part in ("--set", override))


def test_list_names_the_tables(anogen) -> None:
    answer = anogen("study", "--list")
    assert answer.code == 0
    names = [line.split()[0] for line in answer.out.splitlines()]
    assert {"table1", "table2a", "table2b", "table2c", "table3", "table4", "figure5"} <= set(names)


def test_a_ready_made_study_is_counted_without_writing(
    anogen, small_dataset: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = anogen(
        *("study", "table4", "--dataset", small_dataset, "--seeds", 3, "--dry-run"),
        *sets("bank.normals=5"),
    )
    # Five arms; the three with generated anomalies share 2 concepts and 2 x 5 images.
    assert answer.out.splitlines() == [
        "cells: 5, 5 left",
        "concepts: 2, 2 left",
        "images: 10, 10 left",
        "trainings: 15, 15 left",
    ]
    assert not any(tmp_path.glob("runs/*"))


def test_a_study_prints_its_tables_and_where_they_are(
    anogen, file: Path, small_dataset: Path
) -> None:
    answer = anogen("study", file, "--dataset", small_dataset, *sets(*SMALL))
    assert answer.code == 0, answer.err
    folder = Path(f"runs/study-pasted-{small_dataset.name}-quick")
    tables = (folder / "tables.md").read_text()
    assert tables in answer.out
    assert "| cut, pasted | 1 |" in tables
    assert f"page: {folder}/report/index.html" in answer.out
    again = anogen("study", file, "--dataset", small_dataset, *sets(*SMALL), "--json")
    assert json.loads(again.out) == json.loads((folder / "study.json").read_text())
    assert "cell" not in again.err
    cell = json.loads(again.out)["runs"][0]["cell"]
    assert anogen("report", folder / cell).code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name a study or its file; 'anogen study --list'"),
        (("table9",), "table9: no such file, and no ready-made study of that name"),
        (("table3",), "the study names no dataset; give one with --dataset."),
        (("table3", "--category", "plate"), "belong to --dataset"),
        (("table3", "--dataset", "nowhere"), "nowhere"),
        (("table3", "--dataset", ".", "--layout", "coco"), "datasets.0.layout"),
        (("table3", "--dataset", ".", "--preset", "fast"), "preset: Input should be 'quick'"),
        (("table3", "--dataset", ".", "--seeds", "0"), "seeds: Input should be greater"),
        (
            ("table3", "--dataset", ".", "--set", "training.arms=[generated]"),
            "--set training.arms=[generated]: setting training.arms: a study says this under",
        ),
    ],
)
def test_wrong_usage_is_one_sentence(
    anogen, arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = anogen("study", *arguments)
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert sentence in answer.err
    assert not any(tmp_path.glob("runs/*"))
