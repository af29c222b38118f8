"""What a detector trains on follows its own settings, and shared material is read once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anogen.data import textures
from anogen.data.images import Pixels, write_png
from anogen.data.sample import Category
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages.material import categories_of
from anogen.study.stages.train import TrainingImages
from anogen.synthesis.draem import DraemSynthesizer


def run_on(dataset: Path, folder: Path, preset: str, *overrides: str) -> RunFolder:
    given = {"dataset": {"root": str(dataset)}, "support": {"official": False}}
    return RunFolder(folder, resolve(preset, given, overrides=overrides))


def test_destseg_turns_by_its_table_and_keeps_the_textures_colours(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def recorded(**given: Any) -> DraemSynthesizer:
        made.append(given["operations"])
        return DraemSynthesizer(**given)

    monkeypatch.setattr("anogen.synthesis.draem.DraemSynthesizer", recorded)
    run = run_on(small_dataset, tmp_path, "official", "training.arms=[draem]")
    ((category, support),) = categories_of(run)
    renamed = Category(**{**vars(category), "name": "tile"})
    turns = []
    for detector, product in (("destseg", renamed), ("destseg", category), ("draem", renamed)):
        mixture = TrainingImages(run, product, support, detector).of("draem").settings
        turns.append((mixture.quarter_turns, mixture.rotation_degrees))
    assert turns == [(True, 5.0), (False, 0.0), (False, 90.0)]
    assert made == [0, 0, 3]


def test_detectors_products_and_runs_share_their_textures(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        write_png(tmp_path / "textures" / name, np.full((9, 9), 50, np.uint8))
    read: list[Path] = []
    plain = textures.read_image

    def counted(path: Path) -> Pixels:
        read.append(path)
        return plain(path)

    monkeypatch.setattr(textures, "read_image", counted)
    for number in range(2):
        run = run_on(
            small_dataset,
            tmp_path / str(number),
            "quick",
            f"training.textures={tmp_path / 'textures'}",
            "training.detectors=[unet, draem]",
        )
        ((category, support),) = categories_of(run)
        for product in (category, Category(**{**vars(category), "name": "other"})):
            for detector in ("unet", "draem"):
                TrainingImages(run, product, support, detector).of("procedural")
    assert sorted(path.name for path in read) == ["a.png", "b.png", "c.png"]
