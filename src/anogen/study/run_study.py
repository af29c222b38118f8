"""Running a study: concepts and banks of its cells, then all trainings, then the numbers.

A cell is a whole run of its own, which the other verbs (``report``, ``evaluate``, ...) understand
and which goes on after a kill. Trainings of all cells are done side by side; a cell is evaluated
when its last one has ended.
Concepts and banks that another cell of the study has already, made under the same settings, are
not made again but put into the cell: concepts as copies, images as hard links where the file
system has them.
"""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from anogen.bank.bank import Bank
from anogen.detection.saved import MODEL
from anogen.errors import InputError
from anogen.files import write_bytes
from anogen.prior.contract import LatentDiffusion
from anogen.study.cells import CELLS, Cell, cells_of
from anogen.study.notices import keep_notices, kept_notices
from anogen.study.pipeline import generate_stage, learn_stage, need_banks
from anogen.study.run_folder import CONFIG, at_work, open_run
from anogen.study.saying import say
from anogen.study.stages.evaluate import evaluate
from anogen.study.stages.generate import progress
from anogen.study.stages.learned_masks import mask_embeddings
from anogen.study.stages.material import check_dataset, prior_of
from anogen.study.stages.networks import check_networks
from anogen.study.stages.trainings import Training, do_trainings, untrained
from anogen.study.study_file import Study
from anogen.study.study_page import write_page
from anogen.study.study_results import StudyResults, measure, write_study_results
from anogen.study.tables import write_tables

STUDY = "study.json"

Priors = dict[tuple[str, int | None], LatentDiffusion]


@dataclass(frozen=True)
class Extent:
    """How much work a study is, and how much of it is left."""

    cells: int
    cells_left: int
    concepts: int
    concepts_left: int
    images: int
    images_left: int
    trainings: int
    trainings_left: int

    def lines(self) -> list[str]:
        """A line for each kind of work."""
        return [
            f"{name}: {getattr(self, name)}, {getattr(self, f'{name}_left')} left"
            for name in ("cells", "concepts", "images", "trainings")
        ]


def extent_of(cells: Sequence[Cell]) -> Extent:
    """Count the work of the cells; concepts and banks that they share count once."""
    concepts: dict[str, list[int]] = {}
    banks: dict[str, list[tuple[int, int]]] = {}
    trainings = trained = 0
    for cell in cells:
        if cell.concept_key is not None and cell.bank_key is not None:
            concepts.setdefault(cell.concept_key, []).append(
                sum(path.exists() for path in _concepts(cell))
            )
            banks.setdefault(cell.bank_key, []).append(
                progress(cell.run, cell.category, cell.support)
            )
        folders = _detectors(cell)
        trainings += len(folders)
        trained += sum((folder / MODEL).is_file() for folder in folders)
    defects = {c.concept_key: len(c.support.shots) for c in cells if c.concept_key is not None}
    planned = sum(found[0][1] for found in banks.values())
    return Extent(
        cells=len(cells),
        cells_left=sum(cell.finished() is None for cell in cells),
        concepts=sum(defects.values()),
        concepts_left=sum(defects[key] - max(found) for key, found in concepts.items()),
        images=planned,
        images_left=planned - sum(max(drawn for drawn, _ in found) for found in banks.values()),
        trainings=trainings,
        trainings_left=trainings - trained,
    )


def run_study(
    path: Path,
    study: Study,
    *,
    overrides: tuple[str, ...] = (),
    command: list[str],
    workers: int | None = 1,
) -> StudyResults:
    """Run what is missing of a study, then write its numbers, tables and page.

    Writes ``cells/<hash>/`` (a run each), ``study.json``, ``tables.md``, ``tables.csv`` and
    ``report/index.html``. A cell with results is finished; other arms, seeds or categories in the
    same folder only add cells.

    Args:
        path: the study's folder.
        study: what is compared.
        overrides: ``stage.option=value`` each, over the study's settings, under those of arms.
        command: the command line, for the runs and the page.
        workers: trainings side by side; None takes as many as the cores feed. The results do not
            depend on it.

    Raises:
        InputError: for anything wrong with the input; the folder is then as it was.
    """
    with at_work(path):
        _check_folder(path)
        cells = cells_of(study, path, overrides=overrides)
        todo = [cell for cell in cells if cell.finished() is None]
        notices = _check_input(todo)
        with ExitStack() as held:
            _prepare(todo, cells, command, held)
            # Datasets whose cells are finished are not checked again.
            keep_notices(path, [*kept_notices(path), *notices])
            _train(todo, workers)
        results = measure(study, cells, notices=kept_notices(path))
        write_study_results(path / STUDY, results)
        write_tables(path, results)
        write_page(path, results, command=command)
        return results


def _check_folder(path: Path) -> None:
    """Refuse a folder that holds something else; remove what killed writes left over."""
    if (path / CONFIG).exists() or (any(path.iterdir()) and not (path / CELLS).is_dir()):
        raise InputError(f"{path}: is no study and not empty; give another --out.")
    for leftover in path.glob(".*.tmp"):
        leftover.unlink()


def _check_input(cells: Sequence[Cell]) -> list[str]:
    """Decode each dataset once, and look for the other files and networks that settings name.

    Returns:
        What stops nothing; it is said, too.
    """
    seen = set()
    notices: list[str] = []
    for cell in sorted(cells, key=lambda cell: -cell.run.settings.support.shots):
        settings = cell.run.settings
        key = (
            settings.dataset.root,
            settings.dataset.categories,
            settings.training.textures,
            settings.placement.legal,
            settings.placement.forbidden,
        )
        if key not in seen:
            seen.add(key)
            say(f"validate: {settings.dataset.root}, {cell.category.name}")
            found = check_dataset(cell.run)
            for notice in found:
                say(f"note: {notice}")
            notices += found
    check_networks(cell.run.settings for cell in cells)
    return notices


def _prepare(
    todo: Sequence[Cell], cells: Sequence[Cell], command: list[str], held: ExitStack
) -> None:
    """Bring all cells to where they can train, and hold their folders."""
    priors: Priors = {}
    for cell in todo:
        key = _prior_key(cell)
        if cell.bank_key is not None and key not in priors:
            priors[key] = prior_of(cell.run.settings)
    for number, cell in enumerate(todo, start=1):
        say(
            f"cell {number} of {len(todo)}: {cell.product}, {cell.detector}, "
            f"{', '.join(cell.names)} ({CELLS}/{cell.name})"
        )
        held.enter_context(at_work(cell.run.path))
        _make_bank(cell, cells, priors, command)


def _prior_key(cell: Cell) -> tuple[str, int | None]:
    """The name of a cell's prior and the size of its images."""
    return cell.run.settings.prior, cell.run.settings.prior_image_size


def _make_bank(cell: Cell, cells: Sequence[Cell], priors: Priors, command: list[str]) -> None:
    """Bring one cell to its bank."""
    run, pairs = cell.run, [(cell.category, cell.support)]
    # The folder's name holds what counts; seeds, what is measured of the bank, and settings that do
    # not matter here may change. Results go first: they are those of the settings beside them.
    if run.config.exists() and open_run(run.path).settings != run.settings:
        run.results.unlink(missing_ok=True)
        run.config.unlink()
    run.write_config(command=command)
    if cell.bank_key is not None:
        prior = priors[_prior_key(cell)]
        others = [other for other in cells if other.name != cell.name]
        _take_concepts(cell, [o for o in others if o.concept_key == cell.concept_key])
        learn_stage(run, pairs, prior)
        _take_bank(cell, [other for other in others if other.bank_key == cell.bank_key])
        generate_stage(run, pairs, prior)
        need_banks(run, pairs)


def _train(todo: Sequence[Cell], workers: int | None) -> None:
    """Do all trainings of the cells; evaluate each whose last one has ended."""
    cells = {cell.run.path: cell for cell in todo}
    trainings = [
        training
        for cell in todo
        for training in untrained(cell.run, [(cell.category, cell.support)])
    ]
    left = Counter(training.run.path for training in trainings)

    def measured(cell: Cell) -> None:
        say(f"evaluate: {cell.product}, {cell.detector}, {', '.join(cell.names)}")
        evaluate(cell.run, [(cell.category, cell.support)])

    def ended(training: Training) -> None:
        path = training.run.path
        left[path] -= 1
        if left[path] == 0:
            measured(cells[path])

    for cell in todo:
        if left[cell.run.path] == 0:
            measured(cell)
    if trainings:
        say(f"train: {len(trainings)} trainings")
    do_trainings(trainings, train=True, predict=True, workers=workers, on_done=ended)


def _take_concepts(cell: Cell, others: Sequence[Cell]) -> None:
    """Copy all concepts of a cell that has them, and their prior, unless they are here.

    The prior first: where all concepts are, what they speak to is there as well.
    """
    own = _concepts(cell)
    for other in others:
        theirs = _concepts(other)
        if all(path.exists() for path in own) or not all(path.exists() for path in theirs):
            continue
        for own_prior, source in zip(_priors(cell), _priors(other), strict=True):
            if source.exists():
                write_bytes(own_prior, source.read_bytes())
        for path, source in zip(own, theirs, strict=True):
            write_bytes(path, source.read_bytes())


def _take_bank(cell: Cell, others: Sequence[Cell]) -> None:
    """Link all images of a cell whose bank is whole; the manifest, written last, counts them."""
    for other in others:
        drawn, planned = progress(cell.run, cell.category, cell.support)
        if drawn == planned:
            return
        drawn, planned = progress(other.run, other.category, other.support)
        if drawn < planned:
            continue
        own = cell.run.bank(cell.category.name)
        theirs = Bank(other.run.bank(other.category.name))
        for entry in theirs:
            for name in (entry.image, entry.mask):
                if name is not None:
                    _link(theirs.folder / name, own / name)
        write_bytes(own / "manifest.jsonl", (theirs.folder / "manifest.jsonl").read_bytes())


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _concepts(cell: Cell) -> list[Path]:
    """Where the concepts of a cell lie, and what is learned beside them."""
    name, defects = cell.category.name, sorted(cell.support.shots)
    concepts = [cell.run.concept(name, defect) for defect in defects]
    return [*concepts, *mask_embeddings(cell.run, name, defects)]


def _priors(cell: Cell) -> list[Path]:
    """Where the priors of a cell lie, if its settings change them."""
    run, name = cell.run, cell.category.name
    return [run.adapted_prior(name), run.joint_prior(name)]


def _detectors(cell: Cell) -> list[Path]:
    seeds = range(cell.run.settings.training.seeds)
    return [cell.run.detector(cell.category.name, cell.detector, cell.arm, s) for s in seeds]
