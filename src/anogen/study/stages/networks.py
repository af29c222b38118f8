"""The pretrained networks that runs will need, looked for before any work.

A classifier starts after concepts and banks are made; that its weights cannot be had is to be known
before. What is on the hub is fetched now, so that a network that goes down later stops nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch

from anogen.detection.recognition import make_recogniser
from anogen.detection.saved import make_detector
from anogen.detection.settings import PRETRAINED, RANDOM, DeSTSegSettings
from anogen.detection.teacher import make_teacher
from anogen.errors import InputError
from anogen.study.settings import RunSettings

OFFLINE = "efficientnet-lite0"
"""The network whose weights are in an installed package."""

Check = tuple[str, Callable[[], object]]


def check_networks(runs: Iterable[RunSettings]) -> None:
    """Load every network that runs with these settings start from, each once, and forget it.

    Raises:
        InputError: with one sentence a line for those whose weights cannot be had, naming the
            setting and what to write instead.
    """
    checks = dict(check for settings in runs for check in _checks(settings))
    problems = []
    # New networks draw their weights before these are replaced.
    with torch.random.fork_rng(devices=[]):
        for check in checks.values():
            try:
                check()
            except InputError as error:
                problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))


def _checks(settings: RunSettings) -> Iterator[Check]:
    """What identifies a network, and how it is looked for."""
    training, evaluation = settings.training, settings.evaluation
    if training.classifies:
        yield _named("classifier.network", settings.classifier.network, make_recogniser)
    if evaluation.generation:
        name = evaluation.generation_network
        yield _named("evaluation.generation_network", name, make_recogniser)
    for detector in settings.detectors.values():
        if isinstance(detector, DeSTSegSettings):
            yield _named(f"detectors.{detector.name}.teacher", detector.teacher, make_teacher)
        if detector.start not in (RANDOM, PRETRAINED):
            resolved = detector.resolved(1)
            key = f"detectors.{detector.name}.start {resolved.model_dump_json()}"
            yield key, partial(make_detector, resolved, device="cpu")


def _named(setting: str, name: str, make: Callable[[str], object]) -> Check:
    """The check of a network that a setting names."""

    def check() -> None:
        try:
            make(name)
        except InputError as error:
            raise InputError(
                f"setting {setting}={name}: {str(error).rstrip('.')}; --set {setting}={OFFLINE} "
                "needs no download."
            ) from error

    return f"{setting} {name}", check
