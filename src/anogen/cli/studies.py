"""The verb that compares arms."""

import sys
from pathlib import Path
from typing import Any

from anogen.study.cells import cells_of
from anogen.study.run_study import STUDY, extent_of, run_study
from anogen.study.study_file import Study, checked_study, read_study, ready_made
from anogen.study.tables import MARKDOWN, markdown


def show_ready_made() -> None:
    """``anogen study --list``."""
    for name, title in ready_made().items():
        print(f"{name:10} {title}")


def study(
    name: str,
    dataset: dict[str, Any] | None,
    *,
    preset: str | None,
    prior: str | None,
    seeds: int | None,
    overrides: tuple[str, ...],
    out: Path | None,
    workers: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """``anogen study``; ``dataset`` takes the place of the file's datasets."""
    chosen = read_study(name)
    tree = chosen.model_dump(mode="json")
    if dataset is not None:
        tree["datasets"] = [dataset]
    if preset is not None:
        tree["preset"] = preset
    if seeds is not None:
        tree["seeds"] = seeds
    if prior is not None:
        tree["settings"]["prior"] = prior
    chosen = checked_study(tree, "the options")
    path = _folder(name, chosen) if out is None else out
    if dry_run:
        print("\n".join(extent_of(cells_of(chosen, path, overrides=overrides)).lines()))
        return
    command = ["anogen", *sys.argv[1:]]
    results = run_study(path, chosen, overrides=overrides, command=command, workers=workers)
    if as_json:
        print(results.model_dump_json(by_alias=True, indent=2))
        return
    print(markdown(results))
    print(f"numbers: {path / STUDY}")
    print(f"tables: {path / MARKDOWN}")
    print(f"page: {path / 'report' / 'index.html'}")


def _folder(name: str, study: Study) -> Path:
    """Where a study goes that was not told."""
    parts = ["study", Path(name).stem]
    for dataset in study.datasets:
        parts += dataset.categories or (Path(dataset.root).name,)
    return Path("runs") / "-".join((*parts, study.preset))
