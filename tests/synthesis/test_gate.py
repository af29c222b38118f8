"""The gate on drawings whose scores can be counted."""

import numpy as np
import pytest

from anogen.placement.box import Box
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.gate import judge

BOX = Box(4, 2, 14, 12)
RULES = {"least_change": 0.04, "smallest_area": 6, "most_filled": 0.8}


def drawing(*, rows=3, columns=4, change=20, dtype=np.uint8, colour=False, soft=0.4):
    """A normal, and the same with a patch changed; a soft rim of the mask does not count."""
    normal = np.full((20, 24, 3) if colour else (20, 24), 100, dtype)
    image = normal.copy()
    mask = np.zeros((20, 24), np.float32)
    mask[BOX.slices] = soft
    patch = slice(BOX.y0, BOX.y0 + rows), slice(BOX.x0, BOX.x0 + columns)
    mask[patch] = 0.9
    if colour:
        image[(*patch, 1)] -= dtype(change)
    else:
        image[patch] -= dtype(change)
    return normal, Anomaly(image, BOX, BOX.mask(20, 24), mask)


@pytest.mark.parametrize("colour", [False, True])
def test_scores_by_hand(colour):
    verdict = judge(*drawing(colour=colour), **RULES)
    assert verdict.reason is None
    assert verdict.scores["area"] == 12
    assert verdict.scores["filled"] == pytest.approx(0.12)
    # The channel that changed most counts.
    assert verdict.scores["change"] == pytest.approx(20 / 255, abs=1e-5)


def test_change_is_a_share_of_white_at_16_bits_too():
    normal, anomaly = drawing(dtype=np.uint16, change=0)
    image = anomaly.image.copy()
    image[anomaly.mask > 0.5] = 100 + 6553
    verdict = judge(normal, Anomaly(image, BOX, anomaly.region, anomaly.mask), **RULES)
    assert verdict.scores["change"] == pytest.approx(6553 / 65535, abs=1e-5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"rows": 1, "columns": 5}, "nothing visible"),
        ({"rows": 0}, "nothing visible"),
        ({"rows": 1, "columns": 6}, None),
        ({"change": 10}, "too faint"),
        ({"change": 11}, None),
        ({"rows": 10, "columns": 9}, "fills its region"),
        ({"rows": 10, "columns": 8}, None),
    ],
)
def test_each_rule_rejects_on_its_side_of_the_limit(given, reason):
    verdict = judge(*drawing(**given), **RULES)
    assert (verdict.reason is None) if reason is None else (reason in verdict.reason)


def test_the_share_is_that_of_the_region_not_of_the_box():
    normal, anomaly = drawing()
    region = np.zeros((20, 24), bool)
    region[2:5, 4:9] = True
    verdict = judge(normal, Anomaly(anomaly.image, BOX, region, anomaly.mask), **RULES)
    assert verdict.scores["filled"] == pytest.approx(12 / 15)
