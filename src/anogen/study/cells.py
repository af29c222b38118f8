"""The cells of a study: one ordinary run for each product, detector and arm.

A cell's folder is named by the hash of what its numbers depend on, so arms that agree in that share
a cell, and a study that grows later, or is begun again, finds its cells. What two cells have in
common before training (concepts, banks) has keys of its own; see :mod:`anogen.study.run_study`.
"""

import copy
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anogen.data.sample import Category, SupportSet
from anogen.detection.contract import detectors as known_detectors
from anogen.errors import InputError
from anogen.prior.stored import stored_fingerprint
from anogen.study.arms import with_generated
from anogen.study.results import Results, read_results
from anogen.study.run_folder import RunFolder, open_run
from anogen.study.settings import DatasetSettings, RunSettings, merge, parsed_override, resolve
from anogen.study.stages.material import Pairs, categories_of
from anogen.study.study_file import Arm, Study, Tree, arm_of, refuse_elsewhere

CELLS = "cells"
CELL = re.compile("[0-9a-f]{16}")
"""Names of cells, below the folder :data:`CELLS` of a study."""


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        run: its folder and settings.
        product: what the tables call its category.
        detector: the detector it trains.
        arm: what it trains on (``draem+generated``).
        names: the study's arms that this cell serves.
        category: the images.
        support: the shots.
        concept_key: hash of what the concepts depend on; None where none are needed.
        bank_key: hash of what the bank depends on; None where none is needed.
    """

    run: RunFolder
    product: str
    detector: str
    arm: str
    names: tuple[str, ...]
    category: Category
    support: SupportSet
    concept_key: str | None
    bank_key: str | None

    @property
    def name(self) -> str:
        """The hash that names the folder."""
        return self.run.path.name

    def finished(self) -> Results | None:
        """The cell's results, if it has those of all its seeds."""
        try:
            results = read_results(self.run.results)
        except InputError:
            return None
        # What is measured of the bank counts for no hash, so that a study may ask for it later.
        evaluation = self.run.settings.evaluation
        asked = evaluation.generation and self.bank_key is not None
        if asked and open_run(self.run.path).settings.evaluation != evaluation:
            return None
        there = {run.seed for run in results.runs if run.arm == self.arm}
        return results if there >= set(range(self.run.settings.training.seeds)) else None


def cells_of(study: Study, path: Path, *, overrides: tuple[str, ...] = ()) -> list[Cell]:
    """All cells of a study in ``path``, in the order of products, detectors and arms.

    Args:
        study: what is compared.
        path: the study's folder; nothing is written.
        overrides: ``stage.option=value`` each, over the study's settings, under those of arms.

    Raises:
        InputError: for a bad setting, and everything wrong about the structure of a dataset or
            its support sets.
    """
    if not study.datasets:
        raise InputError("the study names no dataset; give one with --dataset.")
    common: Tree = copy.deepcopy(study.settings)
    for override in overrides:
        tree = parsed_override(override)
        refuse_elsewhere(tree, f"--set {override}")
        merge(common, tree)
    cells: dict[str, Cell] = {}
    read: dict[str, Pairs] = {}
    for dataset in study.datasets:
        for detector in study.detectors:
            for arm in (row for row in study.rows if row.stands(detector)):
                settings = _settings(study, common, dataset, detector, arm)
                source = json.dumps(
                    [settings.dataset.root, settings.support.model_dump(mode="json")]
                )
                if source not in read:
                    read[source] = categories_of(RunFolder(path / CELLS, settings))
                for category, support in read[source]:
                    cell = _cell(path, study, settings, arm, category, support)
                    before = cells.get(cell.name)
                    names = (*before.names, arm.name) if before else (arm.name,)
                    cells[cell.name] = Cell(**{**vars(before or cell), "names": names})
    order = {arm.name: number for number, arm in enumerate(study.rows)}
    return sorted(
        cells.values(),
        key=lambda c: (c.product, study.detectors.index(c.detector), order[c.names[0]]),
    )


def _settings(
    study: Study, common: Tree, dataset: DatasetSettings, detector: str, arm: Arm
) -> RunSettings:
    """The settings of an arm on a dataset with one detector."""
    tree: Tree = copy.deepcopy(common)
    merge(tree, copy.deepcopy(arm.settings))
    where = f"arm {arm.name!r}"
    given = tree.pop("detectors", {})
    if not isinstance(given, dict) or any(not isinstance(part, dict) for part in given.values()):
        raise InputError(
            f"{where}: setting detectors: give settings by detector, as in detectors.draem.steps, "
            "or of all, as in detectors.*.tau."
        )
    for name in given:
        if name != "*" and name not in known_detectors:
            raise InputError(
                f"{where}: setting detectors.{name}: unknown detector; known are: *, "
                f"{', '.join(known_detectors)}."
            )
    own: Tree = copy.deepcopy(given.get("*", {}))
    merge(own, given.get(detector, {}))
    training: dict[str, Any] = {"detectors": [detector], "arms": [arm_of(arm.sources)]}
    if study.seeds is not None:
        training["seeds"] = study.seeds
    root = str(Path(dataset.root).expanduser().resolve())
    merge(
        tree,
        {"dataset": dataset.model_dump() | {"root": root}, "training": training}
        | ({"detectors": {detector: own}} if own else {}),
    )
    try:
        return resolve(study.preset, tree)
    except InputError as error:
        raise InputError("\n".join(f"{where}: {line}" for line in str(error).splitlines())) from (
            error
        )


def _cell(
    path: Path,
    study: Study,
    settings: RunSettings,
    arm: Arm,
    category: Category,
    support: SupportSet,
) -> Cell:
    dataset = Path(settings.dataset.root).name
    of_category = settings.dataset.model_copy(update={"categories": (category.name,)})
    settings = settings.model_copy(update={"dataset": of_category})
    (detector,), (sources,) = settings.training.detectors, settings.training.arms
    depends = RunFolder(path, settings).settings_hash(detector, sources)
    tree = settings.model_dump(mode="json")
    learned = [
        dataset,
        category.name,
        tree["dataset"]["defects"],
        stored_fingerprint(settings.prior),
        *(tree[name] for name in ("seed", "support", "adapt", "concept", "masks")),
    ]
    listed: list[str] = []
    if settings.support.listing is not None:  # what it says, not where it lies
        listed = [shot.key for shots in support.shots.values() for shot in shots]
        learned += listed
    if settings.prior_image_size is not None:
        learned.append(settings.prior_image_size)
    drawn = [*learned, *(tree[name] for name in ("method", "placement", "synthesis", "bank"))]
    needs = with_generated(sources)
    counts = [dataset, category.name, detector, sources, depends]
    if listed:
        counts += listed
    if settings.training.classifies:
        counts.append(tree["classifier"])
    name = _hash(counts)
    return Cell(
        run=RunFolder(path / CELLS / name, settings),
        product=category.name if len(study.datasets) == 1 else f"{dataset}/{category.name}",
        detector=detector,
        arm=sources,
        names=(arm.name,),
        category=category,
        support=support,
        concept_key=_hash(learned) if needs else None,
        bank_key=_hash(drawn) if needs else None,
    )


def _hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
