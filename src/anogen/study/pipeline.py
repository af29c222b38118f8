"""A whole run: the stages in order."""

import sys
from collections.abc import Callable
from pathlib import Path

from anogen.data.sample import Category, SupportSet
from anogen.data.validation import validate
from anogen.errors import InputError
from anogen.prior.contract import LatentDiffusion
from anogen.prior.loading import load_prior
from anogen.study.report import write_report
from anogen.study.results import Results
from anogen.study.run_folder import RunFolder
from anogen.study.stages.evaluate import evaluate
from anogen.study.stages.generate import generate
from anogen.study.stages.learn import learn, need_concepts
from anogen.study.stages.material import categories_of
from anogen.study.stages.train import train

Pairs = list[tuple[Category, SupportSet]]
Say = Callable[[str], None]


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def check_dataset(run: RunFolder) -> None:
    """Decode the whole dataset before any work.

    Raises:
        InputError: with one sentence a line for everything that is wrong.
    """
    dataset = run.settings.dataset
    outcome = validate(
        Path(dataset.root),
        layout=dataset.layout,
        categories=dataset.categories,
        defects=dataset.defects,
    )
    if outcome.problems:
        raise InputError("\n".join(outcome.problems))
    for notice in outcome.notices:
        say(f"note: {notice}")


def learn_stage(run: RunFolder, pairs: Pairs, prior: LatentDiffusion) -> None:
    """Concepts of all categories."""
    for category, support in pairs:
        say(f"learn: {category.name}, {len(support.shots)} defects")
        learn(run, category, support, prior)


def generate_stage(run: RunFolder, pairs: Pairs, prior: LatentDiffusion) -> None:
    """Banks of all categories."""
    for category, support in pairs:
        need_concepts(run, category, support)
        say(f"generate: {category.name}")
        generate(run, category, support, prior)


def train_stage(run: RunFolder, pairs: Pairs) -> None:
    """Detectors of all categories."""
    for category, support in pairs:
        training = run.settings.training
        say(
            f"train: {category.name}, {', '.join(training.detectors)}; arms "
            f"{', '.join(training.arms)}; {training.seeds} seeds"
        )
        train(run, category, support)


def run_all(run: RunFolder) -> Results:
    """Validate, learn, generate, train, evaluate, report; goes on where it was interrupted.

    Raises:
        InputError: for anything wrong with the input.
    """
    say("validate")
    check_dataset(run)
    pairs = categories_of(run)
    prior = load_prior(run.settings.prior)
    learn_stage(run, pairs, prior)
    generate_stage(run, pairs, prior)
    train_stage(run, pairs)
    say("evaluate")
    results = evaluate(run, pairs)
    write_report(run.path)
    return results
