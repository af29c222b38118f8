"""The gate on drawings whose scores can be counted, and on planted failures."""

import numpy as np
import pytest

from anogen.placement.box import Box
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.gate import Limits, calibrated, healed, judge
from anogen.synthesis.miniatures import distance_to, miniature

BOX = Box(4, 2, 14, 12)
LIMITS = Limits(least_change=0.04, smallest_area=6, most_filled=0.8)


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
    verdict = judge(*drawing(colour=colour), LIMITS)
    assert verdict.reason is None
    assert verdict.scores["area"] == 12
    assert verdict.scores["filled"] == pytest.approx(0.12)
    # The channel that changed most counts.
    assert verdict.scores["change"] == pytest.approx(20 / 255, abs=1e-5)
    # Of the rim's 36 pixels, the patch in the corner holds 4 + 3 - 1.
    assert verdict.scores["seam"] == pytest.approx(6 / 36, abs=1e-5)


def test_change_is_a_share_of_white_at_16_bits_too():
    normal, anomaly = drawing(dtype=np.uint16, change=0)
    image = anomaly.image.copy()
    image[anomaly.mask > 0.5] = 100 + 6553
    verdict = judge(normal, Anomaly(image, BOX, anomaly.region, anomaly.mask), LIMITS)
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
    verdict = judge(*drawing(**given), LIMITS)
    assert (verdict.reason is None) if reason is None else (reason in verdict.reason)


def test_the_share_is_that_of_the_region_not_of_the_box():
    normal, anomaly = drawing()
    region = np.zeros((20, 24), bool)
    region[2:5, 4:9] = True
    verdict = judge(normal, Anomaly(anomaly.image, BOX, region, anomaly.mask), LIMITS)
    assert verdict.scores["filled"] == pytest.approx(12 / 15)


def test_a_defect_beside_the_object_is_counted_and_rejected():
    normal, anomaly = drawing()
    object_ = np.zeros((20, 24), bool)
    object_[:, :5] = True  # the first of the patch's four columns
    # A defect three pixels wide may stand out of the object by one.
    verdict = judge(normal, anomaly, Limits(least_on_object=0.6), on_object=object_)
    assert verdict.scores["on_object"] == 0.5
    assert "object" in verdict.reason
    assert judge(normal, anomaly, Limits(least_on_object=0.5), on_object=object_).reason is None


def bitten(*, width, out):
    """A part whose left edge a defect has bitten away, and the defect, that stands out by some."""
    mask = np.zeros((60, 60), bool)
    mask[20:30, 20 - out : 20 + width] = True
    object_ = np.zeros((60, 60), bool)
    object_[:, 20:] = True
    return object_ & ~mask, mask


def test_the_smallest_area_is_a_share_of_the_image_that_is_drawn_on():
    normal, anomaly = drawing()  # 12 pixels of 480
    limits = Limits(smallest_share=0.03)
    assert "nothing visible" in judge(normal, anomaly, limits).reason
    # As a part of a larger image, as a drawing is judged.
    assert judge(normal, anomaly, limits, frame=400).reason is None


def test_a_shot_that_leaves_no_surroundings_says_nothing_of_how_faint_a_defect_may_be():
    image = np.full((20, 24), 100, np.uint8)
    whole, spot = np.ones((20, 24), bool), np.zeros((20, 24), bool)
    spot[5:9, 5:9] = True
    faint = np.where(spot, 130, image).astype(np.uint8)
    alone = calibrated([(faint, spot)], [], margin=0.15)
    assert calibrated([(image, whole), (faint, spot)], [], margin=0.15).least_change == (
        alone.least_change
    )
    assert calibrated([(image, whole)], [], margin=0.15).least_change < alone.least_change


def test_shots_smaller_than_what_is_seen_elsewhere_are_no_failures():
    image, dot = np.full((20, 24), 100, np.uint8), np.zeros((20, 24), bool)
    dot[5, 5:7] = True
    limits = calibrated([(np.where(dot, 200, image).astype(np.uint8), dot)], [], margin=0.15)
    assert limits.smallest_area == 2


def test_a_wide_notch_is_closed_as_a_narrow_one_is():
    """At 40 times the size, where the object is closed on a coarser grid."""
    object_, mask = bitten(width=10, out=0)
    wide = [np.kron(one, np.ones((40, 40), bool)) for one in (object_, mask)]
    assert (healed(object_, mask) & mask).sum() / mask.sum() == pytest.approx(
        (healed(*wide) & wide[1]).sum() / wide[1].sum(), abs=0.06
    )
    assert np.array_equal(healed(*wide)[~wide[1]], wide[0][~wide[1]])


@pytest.mark.parametrize(("out", "share"), [(0, 1.0), (10, 12 / 20)])
def test_where_a_shots_defect_bit_into_the_object_counts_as_object(out, share):
    object_, mask = bitten(width=10, out=out)
    image = np.where(mask, 90, 120).astype(np.uint8)
    limits = calibrated([(image, mask)], [], margin=0.15, objects=[object_])
    # Ten rows may stand out by a tenth and a pixel; the notch's mouth closes nearly flush.
    assert limits.least_on_object == pytest.approx(0.85 * share, abs=0.06)


def test_the_distance_is_that_to_the_nearest_shot():
    normal, anomaly = drawing()
    shots = [miniature(np.full((20, 24), 200, np.uint8)), miniature(anomaly.image)]

    def verdict(some):
        distance = distance_to(anomaly.image, some)
        return judge(normal, anomaly, Limits(least_distance=0.001), distance=distance)

    assert verdict(shots).scores["distance"] == 0
    assert "copy" in verdict(shots).reason
    far = verdict(shots[:1])
    # 100 grey levels, and 20 more on 12 of the 480 pixels.
    assert far.scores["distance"] == pytest.approx((100 + 20 * 12 / 480) / 255, abs=2e-3)
    assert far.reason is None


# A part of 60 pixels on a plain ground, with grain, in 96 x 96 pixels; round dark defects.
SIZE, RADIUS = 96, 6


def part(seed):
    rng = np.random.default_rng(seed)
    image = rng.normal(60, 3, (SIZE, SIZE))
    image[18:78, 18:78] = rng.normal(150, 6, (60, 60)) + rng.normal(0, 12, (60, 1))
    return image.clip(0, 255).astype(np.uint8)


OBJECT = np.zeros((SIZE, SIZE), bool)
OBJECT[18:78, 18:78] = True


def with_spot(normal, x, y, depth):
    rows, columns = np.ogrid[:SIZE, :SIZE]
    mask = (rows - y) ** 2 + (columns - x) ** 2 <= RADIUS**2
    image = normal.copy()
    image[mask] = np.maximum(image[mask].astype(int) - depth, 0)
    return image, mask


@pytest.fixture(scope="module")
def gate():
    supports = [with_spot(part(seed), 40 + seed, 45, 60 + 10 * seed) for seed in range(3)]
    normals = [part(seed) for seed in range(10, 16)]
    limits = calibrated(supports, normals, margin=0.15, objects=[OBJECT] * 3)

    def ask(normal, image, mask, box):
        anomaly = Anomaly(image, box, box.mask(SIZE, SIZE), mask.astype(np.float32))
        distance = distance_to(image, [miniature(shot) for shot, _ in supports])
        return judge(normal, anomaly, limits, on_object=OBJECT, distance=distance).reason

    return ask, supports


def around(x, y):
    return Box(x - 9, y - 9, x + 9, y + 9)


def test_defects_like_the_shots_pass(gate):
    ask, _ = gate
    places = np.random.default_rng(0).integers(30, 66, (40, 2))
    reasons = []
    for number, (x, y) in enumerate(places.tolist()):
        normal = part(100 + number)
        image, mask = with_spot(normal, x, y, 55 + number % 30)
        reasons.append(ask(normal, image, mask, around(x, y)))
    assert reasons == [None] * 40


def test_planted_failures_are_rejected_for_what_they_are(gate):
    ask, supports = gate
    normal = part(50)
    box = around(40, 45)
    _, mask = with_spot(normal, 40, 45, 0)
    assert "nothing" in ask(normal, normal, np.zeros_like(mask), box)
    assert "faint" in ask(normal, normal, mask, box)
    assert "faint" in ask(normal, with_spot(normal, 40, 45, 6)[0], mask, box)
    x = 18 - 3
    assert "object" in ask(normal, *with_spot(normal, x, 45, 60), around(x, 45))
    image, mask = with_spot(normal, 40, 45, 60)
    image[box.mask(SIZE, SIZE) & ~mask] -= 60
    assert "seam" in ask(normal, image, mask, box)
    assert "copy" in ask(part(0), *supports[0], box)
    assert "patch" in ask(normal, image, box.mask(SIZE, SIZE), box)


def test_a_faint_small_shot_loosens_the_limits():
    strong = calibrated([with_spot(part(0), 40, 45, 80)], [], margin=0.15)
    both = calibrated(
        [with_spot(part(0), 40, 45, 80), with_spot(part(1), 40, 45, 30)], [], margin=0.15
    )
    assert 0 < both.least_change < strong.least_change
    assert strong.smallest_share == pytest.approx(0.1 * with_spot(part(0), 40, 45, 80)[1].mean())
    assert strong.smallest_area == 6
    # Without normals and objects nothing is said on seams, copies and places.
    assert strong.most_seam == 1
    assert strong.least_distance == strong.least_on_object == 0
