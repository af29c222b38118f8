"""Which arms say whether generated images help, and what is said where none do."""

import pytest
from test_gain import scores_with

from anogen.study.answer import answer_of, why_silent
from anogen.study.compared import comparisons
from anogen.study.gain import gains_of, sentence
from anogen.study.results import DefectMetrics, PixelMetrics, Results, Run

BOTH = "procedural+generated"


def run(arm: str, seed: int = 0, ap: float | None = 0.5) -> Run:
    metrics = PixelMetrics(ap=ap)
    return Run(
        category="tile",
        detector="unet",
        arm=arm,
        seed=seed,
        pixel=metrics,
        defects={"crack": DefectMetrics(pixel=metrics), "hole": DefectMetrics(pixel=metrics)},
        settings_hash="x",
    )


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ([], None),
        (["procedural"], None),
        (["generated"], None),
        ([BOTH, "generated"], None),
        (["generated", BOTH, "procedural"], ("procedural", BOTH)),
        (["draem", "draem+generated"], ("draem", "draem+generated")),
        (["draem", "generated"], ("draem", "generated")),
        # Nothing else differs between the second and the third.
        (["generated", "cutpaste", "cutpaste+generated"], ("cutpaste", "cutpaste+generated")),
        (["procedural", "generated", "draem", "draem+generated"], ("draem", "draem+generated")),
        (["cutpaste", "generated", "draem"], ("draem", "generated")),
        (["draem+cutpaste", "cutpaste+generated"], None),
    ],
)
def test_the_most_telling_pair(arms: list[str], expected: tuple[str, str] | None) -> None:
    assert next(iter(comparisons(arms)), None) == expected
    assert comparisons(arms[::-1]) == comparisons(arms)


@pytest.mark.parametrize(
    ("base", "arm", "words"),
    [
        ("procedural", BOTH, "Generated images help unet"),
        ("draem", "draem+generated", "Generated images beside draem ones help unet"),
        ("procedural", "generated", "Generated images in the place of procedural ones help unet"),
    ],
)
def test_gains_name_the_arms_they_compare(base: str, arm: str, words: str) -> None:
    runs = [run(a, seed, ap) for seed in (0, 1) for a, ap in ((base, 0.4), (arm, 0.7))]
    power = {base: 0.3, arm: 3.0}
    gains = gains_of(Results(runs=tuple(runs)), lambda r: scores_with(power=power[r.arm]), draws=99)
    assert {(gain.base, gain.arm) for gain in gains} == {(base, arm)}
    assert {gain.defect for gain in gains} == {None, "crack", "hole"}
    answer = answer_of("unet", gains, runs)
    assert answer is not None
    assert answer.sentence.startswith(f"{words} on tile: pixel AP rises by 30.0 points")
    assert answer.levels == "from 40.0 to 70.0 %"
    (crack,) = [gain for gain in gains if gain.defect == "crack"]
    assert sentence(crack).startswith(words.replace("images", "crack images"))


def test_arms_without_a_common_seed_leave_the_word_to_the_next_pair() -> None:
    runs = (run("draem", 0), run("draem+generated", 1), run("generated", 0))
    gains = gains_of(Results(runs=runs), lambda _: scores_with(power=1), draws=9)
    assert {(gain.base, gain.arm) for gain in gains} == {("draem", "generated")}


def test_silence_says_what_is_true() -> None:
    assert why_silent([]) == "No detector has been evaluated yet."
    assert why_silent([run("generated")]) == (
        "Only generated was trained, all with generated images, so nothing without them is there "
        "to compare with; --set training.arms=[procedural,generated] trains that as well."
    )
    assert why_silent([run("procedural"), run("cutpaste")]) == (
        "The arms procedural and cutpaste were trained, none with generated images, so there is "
        "nothing to say about those."
    )
    assert why_silent([run("draem"), run("cutpaste+generated")]) == (
        "The arms cutpaste+generated and draem were trained, and no two of them differ in "
        "generated images alone."
    )
    apart = [run("draem", 0), run("draem+generated", 1)]
    assert gains_of(Results(runs=tuple(apart)), lambda _: None) == ()
    assert why_silent(apart).startswith("The arms draem and draem+generated have no seed and")
