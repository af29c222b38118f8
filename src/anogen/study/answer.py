"""Does it help: what a report says first about a category, and how much it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from anogen.bank.bank import Bank
from anogen.study.arm_order import arm_order
from anogen.study.arms import with_generated
from anogen.study.compared import comparisons
from anogen.study.curves import Intervals, intervals
from anogen.study.gain import NAMES, points, sentence
from anogen.study.results import PROCEDURAL, Gain, Run, metric_of


@dataclass(frozen=True)
class Answer:
    """Does it help one detector: the sentence, and the intervals of all and of each defect."""

    gain: Gain
    sentence: str
    size: str
    metric: str
    levels: str
    intervals: Intervals


def answer_of(detector: str, gains: Sequence[Gain], runs: Sequence[Run]) -> Answer | None:
    """The answer of one detector by pixel AP, or by image AP where there are no masks."""
    own = [gain for gain in gains if gain.detector == detector]
    for metric in ("pixel_ap", "image_ap"):
        listed = sorted(
            (gain for gain in own if gain.metric == metric), key=lambda gain: gain.defect or ""
        )
        overall = next((gain for gain in listed if gain.defect is None), None)
        if overall is not None:
            # A single defect would say the same again, with the interval of another bootstrap.
            shown = listed if len(listed) > 2 else [overall]
            return Answer(
                overall,
                sentence(overall),
                points(overall.mean),
                NAMES[metric],
                _levels([run for run in runs if run.detector == detector], overall),
                intervals(shown),
            )
    return None


def _levels(runs: Sequence[Run], gain: Gain) -> str:
    """From what to what a metric changed, in percent, over the seeds that both arms have."""
    arms = [
        {
            run.seed: v
            for run in runs
            if run.arm == arm and (v := metric_of(run, gain.metric)) is not None
        }
        for arm in (gain.base, gain.arm)
    ]
    common = sorted(arms[0].keys() & arms[1].keys())
    if not common:
        return ""
    before, after = (100 * mean(arm[seed] for seed in common) for arm in arms)
    return f"from {before:.1f} to {after:.1f} %"


def why_silent(runs: Sequence[Run]) -> str:
    """Why runs of one category have no gain, and what would give one."""
    arms = sorted({run.arm for run in runs}, key=arm_order)
    if not runs:
        return "No detector has been evaluated yet."
    listed = " and ".join(arms)
    trained = f"Only {listed} was trained" if len(arms) == 1 else f"The arms {listed} were trained"
    without = [arm for arm in arms if not with_generated(arm)]
    if not without:
        return (
            f"{trained}, all with generated images, so nothing without them is there to compare "
            f"with; --set training.arms=[{PROCEDURAL},{','.join(arms)}] trains that as well."
        )
    if len(without) == len(arms):
        return f"{trained}, none with generated images, so there is nothing to say about those."
    found = comparisons(arms)
    if not found:
        return f"{trained}, and no two of them differ in generated images alone."
    base, arm = found[0]
    return (
        f"The arms {base} and {arm} have no seed and metric in common, or one seed whose scores "
        "are gone, so there is no difference to judge."
    )


def facts_of(
    runs: Sequence[Run], bank: Bank, defects: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    counts = runs[0].counts if runs else {}
    words = {
        "normals": "good images to train on",
        "support": "support shots",
        "test_good": "good test images",
        "test_defective": "defective test images",
        "excluded": "kept out of the test",
        "learned_and_tested": "learned from and tested on",
    }
    facts = [(f"{counts[name]:,}", words[name]) for name in words if name in counts]
    seeds = len({run.seed for run in runs})
    facts.insert(2, (f"{sum(1 for _ in bank.accepted()):,}", "generated images"))
    facts.insert(0, (f"{len(defects)}", "defect type" if len(defects) == 1 else "defect types"))
    facts.append((f"{seeds}", "seed" if seeds == 1 else "seeds"))
    return tuple(facts)
