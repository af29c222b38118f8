"""Verbs that work on a run: the whole way, and each stage of it."""

import sys
from pathlib import Path
from typing import Any

from anogen.errors import InputError
from anogen.study import pipeline
from anogen.study.dry_run import dry_run as dry
from anogen.study.gain import sentence
from anogen.study.report import write_report
from anogen.study.results import Results
from anogen.study.run_folder import CONFIG, RunFolder, at_work, claim, open_run
from anogen.study.settings import RunSettings, resolve
from anogen.study.stages.evaluate import evaluate as evaluate_run
from anogen.study.stages.material import categories_of, prior_of

Given = dict[str, Any]

_DEMO_CAVEAT = (
    "note: answers that see no defect score on these cells too: how dark a cell is on average has "
    "an image AUROC of 0.76. Compare the detectors with each other and with that, and expect less "
    "on a module never seen."
)
"""Measured on the demo's default choice of cells; see anogen.demo.dataset."""


def given_settings(
    dataset: Path,
    *,
    categories: list[str] | None = None,
    defects: list[str] | None = None,
    layout: str | None = None,
    prior: str | None = None,
    method: str | None = None,
    shots: int | None = None,
    support: str | None = None,
    seed: int | None = None,
) -> Given:
    """The part of the settings tree that the command line's own options set.

    Raises:
        InputError: if ``support`` is neither ``official`` nor a file.
    """
    given: Given = {
        "dataset": {
            "root": str(dataset.expanduser().resolve()),
            "layout": layout,
            "categories": categories or None,
            "defects": defects or None,
        }
    }
    chosen: Given = {}
    if shots is not None:
        chosen["shots"] = shots
    if support == "official":
        chosen["official"] = True
    elif support is not None:
        if not Path(support).expanduser().is_file():
            raise InputError(f"{support}: no such file; give a list of image paths, or 'official'.")
        chosen["listing"] = support
    if chosen:
        given["support"] = chosen
    if prior is not None:
        given["prior"] = prior
    if method is not None:
        given["method"] = method
    if seed is not None:
        given["seed"] = seed
    return given


def run(
    preset: str,
    given: Given,
    overrides: tuple[str, ...],
    out: Path | None,
    *,
    workers: int | None,
    as_json: bool,
) -> None:
    """``anogen run``."""
    settings = resolve(preset, given, overrides=overrides)
    path = _out(out, settings)
    results = pipeline.run_all(path, settings, command=_command(), workers=workers)
    _show(RunFolder(path, settings), results, as_json=as_json)


def dry_run(
    preset: str,
    given: Given,
    overrides: tuple[str, ...],
    out: Path | None,
    *,
    workers: int | None,
) -> None:
    """``anogen run --dry-run``."""
    settings = resolve(preset, given, overrides=overrides)
    _count(claim(_out(out, settings), settings), workers=workers)


def dry_generate(path: Path) -> None:
    """``anogen generate --dry-run``."""
    _count(open_run(path))


def _count(folder: RunFolder, *, workers: int | None = None) -> None:
    """Print the extent of what a run has left to do."""
    for line in dry(folder, categories_of(folder), workers=workers).lines():
        print(line)


def demo(
    out: Path | None, overrides: tuple[str, ...], *, workers: int | None, as_json: bool
) -> None:
    """``anogen demo``.

    All masked cells are support: two of each defect in the test set would make pixel metrics of
    four images, so there are none, and image metrics rest on the held-out cells.
    """
    from anogen.demo import prepare

    path = Path("runs/demo") if out is None else out.resolve()
    dataset = prepare(path.with_name(f"{path.name}-data") / "solar_cell")
    given = given_settings(dataset, layout="folder", shots=5)
    run("quick", given, overrides, path, workers=workers, as_json=as_json)
    print(_DEMO_CAVEAT, file=sys.stderr)


def learn_in_run(path: Path) -> None:
    """``anogen learn`` on the folder of a run."""
    folder = open_run(path)
    with at_work(path):
        pipeline.learn_stage(folder, categories_of(folder), prior_of(folder.settings))
    print(f"concepts: {path / 'concepts'}")


def learn_from(preset: str, given: Given, overrides: tuple[str, ...], out: Path | None) -> None:
    """``anogen learn`` on a dataset, which starts a run."""
    settings = resolve(preset, given, overrides=overrides)
    path = _out(out, settings)
    with at_work(path):
        pipeline.learn_stage(*pipeline.start(path, settings, command=_command()))
    print(f"concepts: {path / 'concepts'}")


def generate(path: Path) -> None:
    """``anogen generate``."""
    folder = open_run(path)
    with at_work(path):
        pipeline.generate_stage(folder, categories_of(folder), prior_of(folder.settings))
    print(f"bank: {path / 'bank'}")


def train(path: Path, *, workers: int | None) -> None:
    """``anogen train``."""
    folder = open_run(path)
    with at_work(path):
        pipeline.train_stage(folder, categories_of(folder), workers=workers)
    print(f"detectors: {path / 'detectors'}")


def evaluate(path: Path, *, workers: int | None, as_json: bool) -> None:
    """``anogen evaluate``."""
    folder = open_run(path)
    with at_work(path):
        results = evaluate_run(folder, categories_of(folder), workers=workers)
    _show(folder, results, as_json=as_json, report=False)


def report(path: Path) -> None:
    """``anogen report``."""
    folder = open_run(path)
    with at_work(path):
        print(f"report: {write_report(folder.path)}")


def is_run(path: Path) -> bool:
    """Whether a run lies in ``path``."""
    return (path / CONFIG).is_file()


def _command() -> list[str]:
    return ["anogen", *sys.argv[1:]]


def _out(out: Path | None, settings: RunSettings) -> Path:
    if out is not None:
        return out
    name = Path(settings.dataset.root).name
    if settings.dataset.categories:
        name = "-".join(settings.dataset.categories)
    if settings.method != "anogen":
        name = f"{name}-{settings.method}"
    return Path("runs") / f"{name}-{settings.preset}"


def _show(folder: RunFolder, results: Results, *, as_json: bool, report: bool = True) -> None:
    if as_json:
        print(results.model_dump_json(by_alias=True, indent=2))
        return
    for gain in results.gain:
        if gain.defect is None:
            print(sentence(gain))
    print(f"results: {folder.results}")
    if report:
        print(f"report: {folder.path / 'report' / 'index.html'}")
