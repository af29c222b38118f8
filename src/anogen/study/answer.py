"""Does it help: what a report says first about a category, and how much it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from anogen.bank.bank import Bank
from anogen.study.curves import Intervals, intervals
from anogen.study.gain import NAMES, points, sentence
from anogen.study.results import BOTH, PROCEDURAL, Gain, Run, metric_of


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
                _levels([run for run in runs if run.detector == detector], metric),
                intervals(shown),
            )
    return None


def _levels(runs: Sequence[Run], metric: str) -> str:
    """From what to what a metric changed, in percent, over the seeds that both arms have."""
    arms = [
        {
            run.seed: v
            for run in runs
            if run.arm == arm and (v := metric_of(run, metric)) is not None
        }
        for arm in (PROCEDURAL, BOTH)
    ]
    common = sorted(arms[0].keys() & arms[1].keys())
    if not common:
        return ""
    before, after = (100 * mean(arm[seed] for seed in common) for arm in arms)
    return f"from {before:.1f} to {after:.1f} %"


def why_silent(runs: Sequence[Run]) -> str:
    arms = sorted({run.arm for run in runs})
    if not runs:
        return "No detector has been evaluated yet."
    if PROCEDURAL in arms and BOTH in arms:
        return "The two arms have no common seed and metric, so there is no difference to judge."
    listed = " and ".join(arms)
    return f"Only the arm {listed} was trained, so there is nothing to compare it with."


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
