"""How AnomalyDiffusion's presets measure, against the paper's section 4.1 and the released code."""

import pytest

from anogen.errors import InputError
from anogen.study.settings import resolve

GIVEN = {"dataset": {"root": "data"}, "method": "anomalydiffusion"}


@pytest.mark.parametrize(
    ("preset", "split", "pairs"), [("paper", "thirds", 1000), ("official", "thirds-leaking", 504)]
)
def test_split_bank_and_trainings_are_theirs(preset: str, split: str, pairs: int) -> None:
    settings = resolve(preset, GIVEN)
    support, training = settings.support, settings.training
    assert (support.split, support.official, support.listing) == (split, False, None)
    assert settings.bank.pairs == pairs
    assert (training.detectors, training.arms, training.label) == (
        ("unet",),
        ("generated",),
        "mask",
    )
    assert training.classifies
    # The released classifier: Adam at 1e-4, batch 8, 30 epochs of 5 passes, no augmentation.
    classifier = settings.classifier
    assert (classifier.network, classifier.epochs, classifier.steps) == ("resnet34", 30 * 5, None)
    assert (classifier.batch_size, classifier.learning_rate, classifier.flips) == (8, 1e-4, False)
    # 200 epochs of 500 samples at batch 8; 63 batches an epoch, the last one short.
    assert settings.detectors["unet"].resolved(209).steps == 200 * 63
    # Two thirds test, all of them: a whole test set would hold the third that was learned from.
    assert not settings.evaluation.include_support
    # The code truncates resized masks to whole numbers, and its loss is the focal loss alone.
    assert settings.evaluation.truth_of("unet") == ("full" if preset == "official" else "half")
    assert preset == "paper" or settings.detectors["unet"].tau == 1.0
    assert settings.detectors["unet"].mixture.balance_defects
    assert settings.evaluation.generation
    assert settings.evaluation.generation_images is None


@pytest.mark.parametrize("preset", ["quick", "best"])
def test_ours_keep_to_few_shots(preset: str) -> None:
    settings = resolve(preset, GIVEN)
    assert settings.support.split == "shots"
    assert not settings.evaluation.generation


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (("support.shots=2", "support.split=thirds"), "support.shots: support.split=thirds"),
        (("support.draw=1", "support.split=thirds-leaking"), "support.draw: support.split=thirds"),
        (("support.shots=2", "support.listing=shots.txt"), "support.shots: the list of shots"),
        (("support.draw=1", "support.official=true"), "support.draw: the official list"),
    ],
)
def test_shots_that_nobody_would_count_are_refused(overrides, sentence):
    given = {"dataset": {"root": "data"}}
    with pytest.raises(InputError, match=sentence):
        resolve("quick", given, overrides=overrides)
    shots = resolve("official", given, overrides=("support.shots=2",)).support
    assert (shots.shots, shots.official) == (2, True)
    again = ("support.shots=2", "support.split=shots")
    method = {"method": "anomalydiffusion"}
    assert resolve("paper", given | method, overrides=again).support.shots == 2
    with pytest.raises(InputError, match=r"support.shots: support.split=thirds chooses"):
        resolve("paper", given | method | {"support": {"shots": 2}})
