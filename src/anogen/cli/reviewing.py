"""Verbs about drawn images: a person's word on them, and their export."""

import sys
from pathlib import Path

from anogen.bank.export.export import FORMATS
from anogen.bank.export.export import export as export_banks
from anogen.cli.concept_export import TEXTUAL_INVERSION, export_concepts
from anogen.errors import InputError
from anogen.study.review.server import ReviewServer
from anogen.study.review.start import banks_of, sitting_of
from anogen.study.run_folder import RunFolder, at_work, open_run
from anogen.study.stages.generate import progress
from anogen.study.stages.material import categories_of


def review(path: Path, *, host: str, port: int) -> None:
    """``anogen review``: serves until Ctrl-C."""
    run = open_run(path)
    with at_work(path):
        sitting = sitting_of(run)
        with ReviewServer(sitting, title=path.resolve().name, host=host, port=port) as server:
            print(f"review: {server.url}", flush=True)
            print(
                f"{len(sitting)} images; every word is saved at once. Ctrl-C ends the review.",
                file=sys.stderr,
            )
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print(file=sys.stderr)
            finally:
                sitting.finish()
        _say_what_follows(path, [bank.review_digest() for bank in sitting.banks.values()])


def _say_what_follows(path: Path, digests: list[str]) -> None:
    if any(digests) and (path / "detectors").is_dir():
        print(
            f"note: 'anogen train {path}' trains again what was trained on other images.",
            file=sys.stderr,
        )


def export(path: Path, kind: str, out: Path, *, categories: list[str] | None, licence: str) -> None:
    """``anogen export``."""
    run = open_run(path)
    if kind == TEXTUAL_INVERSION:
        export_concepts(run, out, categories=categories)
        return
    if kind not in FORMATS:
        known = ", ".join((*FORMATS, TEXTUAL_INVERSION))
        raise InputError(f"unknown format {kind!r}; known are: {known}.")
    banks = banks_of(run, categories)
    count = export_banks(
        list(banks.values()), kind, out, dataset=Path(run.settings.dataset.root), licence=licence
    )
    print(f"exported: {out} ({count} images)")
    _say_what_is_missing(run, list(banks))


def _say_what_is_missing(run: RunFolder, categories: list[str]) -> None:
    if not Path(run.settings.dataset.root).is_dir():
        return  # nothing tells how much was planned
    try:
        pairs = categories_of(run)
    except InputError:
        return  # the bank is whole by itself, whatever has become of the dataset since
    for category, support in pairs:
        if category.name in categories:
            drawn, planned = progress(run, category, support)
            if drawn < planned:
                print(
                    f"note: {planned - drawn} of {planned} images of {category.name} are not drawn "
                    f"yet; 'anogen generate {run.path}' draws them.",
                    file=sys.stderr,
                )
