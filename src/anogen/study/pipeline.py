"""A whole run: the stages in order.

Every stage reads and writes files of the run's folder, does what is missing there, and leaves what
is there alone; so going on after a kill is doing the same again.
"""

from pathlib import Path

from anogen.bank.bank import Bank
from anogen.prior.contract import LatentDiffusion
from anogen.study.arms import with_generated
from anogen.study.notices import keep_notices
from anogen.study.report import write_report
from anogen.study.results import Results
from anogen.study.run_folder import RunFolder, at_work, claim
from anogen.study.saying import say
from anogen.study.settings import RunSettings
from anogen.study.stages.adapt import adapts, prior_of_category, prior_of_concepts
from anogen.study.stages.evaluate import evaluate
from anogen.study.stages.generate import generate, need_bank
from anogen.study.stages.learn import learn, need_concepts
from anogen.study.stages.learned_masks import learn_masks
from anogen.study.stages.material import Pairs, categories_of, check_dataset, prior_of
from anogen.study.stages.networks import check_networks
from anogen.study.stages.trainings import do_trainings, untrained


def start(
    path: Path, settings: RunSettings, *, command: list[str]
) -> tuple[RunFolder, Pairs, LatentDiffusion]:
    """Check all input, then start a run in ``path`` or take up the one that is there.

    The folder is written to only once nothing is wrong, so that a corrected command finds no run
    with the settings of the wrong one. To be called within :func:`~run_folder.at_work`.

    Raises:
        InputError: for anything wrong with the input, or a folder that holds something else.
    """
    run = claim(path, settings)
    say(f"validate: {settings.dataset.root}")
    notices = check_dataset(run)
    for notice in notices:
        say(f"note: {notice}")
    pairs = categories_of(run)
    if not run.results.exists():  # a whole run needs none any more
        check_networks([settings])
    prior = prior_of(settings)
    run.write_config(command=command)
    keep_notices(run.path, notices)
    return run, pairs, prior


def learn_stage(run: RunFolder, pairs: Pairs, prior: LatentDiffusion) -> None:
    """Concepts of all categories, in the prior fitted to each where the settings want that."""
    run.check_weights()
    for category, support in pairs:
        if adapts(run, prior):
            say(f"adapt: {category.name}")
        say(f"learn: {category.name}, {', '.join(sorted(support.shots))}")
        learn(run, category, support, prior_of_category(run, category, prior))
        if run.settings.learns_masks:
            say(f"learn masks: {category.name}")
            learn_masks(run, category, support, prior_of_concepts(run, category, prior))


def generate_stage(run: RunFolder, pairs: Pairs, prior: LatentDiffusion) -> None:
    """Banks of all categories."""
    run.check_weights()
    for category, support in pairs:
        need_concepts(run, category, support)
        say(f"generate: {category.name}")
        generate(run, category, support, prior_of_concepts(run, category, prior))
        bank = Bank(run.bank(category.name))
        for defect in sorted(support.shots):
            accepted = sum(1 for _ in bank.accepted(defect))
            drawn = sum(entry.defect == defect for entry in bank)
            say(f"  {defect}: {accepted} of {drawn} accepted")


def need_banks(run: RunFolder, pairs: Pairs) -> None:
    """Refuse to train on banks that are not whole, where an arm wants them.

    Raises:
        InputError: naming the first one.
    """
    if any(with_generated(arm) for arm in run.settings.training.arms):
        for category, support in pairs:
            need_bank(run, category, support)


def train_stage(
    run: RunFolder, pairs: Pairs, *, predict: bool = False, workers: int | None = 1
) -> None:
    """Detectors of all categories, ``workers`` of them side by side.

    With ``predict``, each says what it thinks of the held-out images as soon as it is trained.
    """
    need_banks(run, pairs)
    training = run.settings.training
    for category, _ in pairs:
        say(
            f"train: {category.name}, {', '.join(training.detectors)}; arms "
            f"{', '.join(training.arms)}; {training.seeds} seeds"
        )
    do_trainings(untrained(run, pairs), train=True, predict=predict, workers=workers)


def run_all(
    path: Path, settings: RunSettings, *, command: list[str], workers: int | None = 1
) -> Results:
    """Validate, learn, generate, train, evaluate, report; goes on where it was interrupted.

    Args:
        path: the run's folder.
        settings: resolved settings.
        command: the command line, for the report.
        workers: trainings side by side; None takes as many as the cores feed. The results do not
            depend on it.

    Raises:
        InputError: for anything wrong with the input.
    """
    with at_work(path):
        run, pairs, prior = start(path, settings, command=command)
        learn_stage(run, pairs, prior)
        generate_stage(run, pairs, prior)
        train_stage(run, pairs, predict=True, workers=workers)
        say("evaluate")
        results = evaluate(run, pairs, workers=workers)
        write_report(run.path)
        return results
