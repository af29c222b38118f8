"""Scores as decisions, on scores whose outcome can be counted."""

import numpy as np
import pytest

from anogen.study.decisions import decision_rows, missed_at
from anogen.study.results import ImageMetrics, Run
from anogen.study.scores import Scores

LABELS = ["good"] * 10 + ["crack"] * 3 + ["hole"] * 2


def scores(values: list[float], labels: list[str] = LABELS) -> Scores:
    count = len(values)
    return Scores(
        keys=np.array([f"{number}.png" for number in range(count)]),
        labels=np.array(labels),
        image_scores=np.array(values, np.float32),
        score_maps=np.zeros((count, 2, 2), np.float16),
        masks=np.zeros((count, 2, 2), np.uint8),
        has_mask=np.zeros(count, bool),
    )


# Good parts have 0.0 to 0.8 and one 0.85; of cracks one is hidden, of holes none.
GOOD = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85]
ONE = scores([*GOOD, 0.15, 0.9, 0.95, 0.84, 0.99])


def run(seed: int, arm: str = "procedural", threshold: float = 0.84) -> Run:
    return Run(
        category="plate",
        detector="unet",
        arm=arm,
        seed=seed,
        image=ImageMetrics(threshold=float(np.float32(threshold))),
        settings_hash="0",
    )


@pytest.mark.parametrize(("share", "missed"), [(0.0, 2 / 5), (0.05, 2 / 5), (0.1, 1 / 5)])
def test_what_is_missed_where_few_good_parts_are_rejected(share: float, missed: float) -> None:
    assert missed_at(ONE, share) == pytest.approx(missed)


def test_a_row_is_the_mean_over_seeds() -> None:
    # The other detector tells all apart at 0.86.
    other = scores([*GOOD, 0.86, 0.9, 0.95, 0.87, 0.99])
    runs = [run(0), run(1, threshold=0.86), run(0, "procedural+generated")]
    scored = {runs[0].key: ONE, runs[1].key: other}
    (row,) = decision_rows(runs, scored)
    assert (row.detector, row.arm) == ("unet", "procedural")
    # At 0.84 four of five are found and one good part is rejected: F1 of 8/9.
    assert row.threshold == "0.840 to 0.860"
    assert row.missed == pytest.approx(0.1)
    assert row.rejected == pytest.approx(0.05)
    assert dict(row.missed_by_type) == {"crack": pytest.approx(1 / 6), "hole": 0.0}
    assert row.missed_at == pytest.approx((0.2, 0.2, 0.1))


def test_without_images_of_both_kinds_there_is_no_row() -> None:
    one = run(0).model_copy(update={"image": ImageMetrics()})
    assert decision_rows([one], {one.key: ONE}) == ()
    only = scores(list(ONE.image_scores), ["crack"] * 15)
    assert decision_rows([run(0)], {run(0).key: only}) == ()


def test_of_one_type_it_is_not_said_twice() -> None:
    one = scores(list(ONE.image_scores), ["good"] * 10 + ["crack"] * 5)
    (row,) = decision_rows([run(0)], {run(0).key: one})
    assert row.missed_by_type == ()
