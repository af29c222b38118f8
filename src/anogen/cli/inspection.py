"""Verbs that only look: at a dataset, at settings, at the installation."""

import importlib.util
import json
import os
import sys
from pathlib import Path

from anogen.errors import InputError


def validate(
    dataset: Path,
    categories: list[str] | None,
    defects: list[str] | None,
    layout: str | None,
    shots: int,
    *,
    as_json: bool,
) -> None:
    """``anogen validate``."""
    from anogen.data.validation import validate as check

    outcome = check(dataset, layout=layout, categories=categories, defects=defects, shots=shots)
    if as_json:
        found = {
            "problems": outcome.problems,
            "notices": outcome.notices,
            "images": outcome.images,
            "masks": outcome.masks,
        }
        print(json.dumps(found, indent=2))
        if outcome.problems:
            sys.exit(2)
        return
    for notice in outcome.notices:
        print(f"note: {notice}", file=sys.stderr)
    if outcome.problems:
        raise InputError("\n".join(outcome.problems))
    for category in outcome.categories:
        defective = ", ".join(f"{defect} {len(category.of(defect))}" for defect in category.defects)
        good = sum(sample.is_good for sample in category.test)
        print(
            f"{category.name}: {len(category.train)} good to train on, {good} good held out; "
            f"defects: {defective}"
        )
    print(f"{outcome.images} images and {outcome.masks} masks read; nothing is wrong.")


def config_show(preset: str, method: str, overrides: tuple[str, ...]) -> None:
    """``anogen config show``."""
    from anogen.study.commented import commented
    from anogen.study.settings import resolve

    given = {"dataset": {"root": "DATASET"}, "method": method}
    settings = resolve(preset, given, overrides=overrides)
    print(commented(settings), end="")


def doctor() -> None:
    """``anogen doctor``."""
    import torch

    from anogen.prior.embedded import WEIGHTS
    from anogen.prior.precision import matrix_units
    from anogen.study.run_folder import versions

    for name, version in versions().items():
        print(f"{name}: {version}")
    print(f"processor cores: {os.cpu_count()}, torch threads: {torch.get_num_threads()}")
    print(f"bfloat16 matrix units: {'yes' if matrix_units() else 'no'}")
    print(f"CUDA: {torch.cuda.get_device_name() if torch.cuda.is_available() else 'no'}")
    size = f"{WEIGHTS.stat().st_size / 1e6:.1f} MB" if WEIGHTS.is_file() else "missing"
    print(f"embedded prior: {size}")
    for module, extra in (
        ("elpv_dataset", "demo"),
        ("transformers", "text"),
        ("onnxscript", "onnx"),
    ):
        there = importlib.util.find_spec(module) is not None
        advice = "installed" if there else f"not installed (pip install 'anogen[{extra}]')"
        print(f"extra {extra}: {advice}")
