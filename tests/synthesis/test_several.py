"""Several defects on one image: each in its box, all on the result, nothing elsewhere."""

import numpy as np
import pytest
from pydantic import ValidationError

from anogen.bank.manifest import Entry
from anogen.placement.box import Box
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.several import Work, draw_several, parts


def normal(seed=0):
    return np.random.default_rng(seed).integers(0, 200, (40, 60), dtype=np.uint8)


def region(x0, y0, x1, y1):
    return Box(x0, y0, x1, y1).mask(40, 60)


class Painter:
    """Brightens the region by a random grey level, and remembers its batches."""

    def __init__(self):
        self.batches = []

    def __call__(self, jobs):
        self.batches.append(list(jobs))
        return [self.one(job) for job in jobs]

    def one(self, job):
        level = int(job.rng.integers(1, 50))
        image = job.normal.copy()
        image[job.region] += np.uint8(level)
        mask = (job.region * 0.5).astype(np.float32)
        return Anomaly(image, Box.around(job.region), job.region, mask, {"level": level})


def test_one_region_is_drawn_as_by_itself():
    painter = Painter()
    work = Work(normal(), [region(5, 5, 15, 12)], np.random.default_rng(1))
    (anomaly,) = draw_several(painter, [work])
    assert anomaly.boxes == ()
    assert parts(anomaly) == [anomaly]
    again = Painter().one(type(painter.batches[0][0])(work.normal, *work.regions, rng()))
    assert np.array_equal(anomaly.image, again.image)


def rng():
    return np.random.default_rng(1)


def test_all_regions_are_on_the_image_and_nothing_else_is():
    regions = [region(5, 5, 15, 12), region(30, 20, 50, 36), region(20, 0, 25, 4)]
    start = normal()
    (anomaly,) = draw_several(Painter(), [Work(start, regions, rng())])
    union = np.logical_or.reduce(regions)
    assert np.array_equal(anomaly.image != start, union)
    assert np.array_equal(anomaly.region, union)
    assert np.array_equal(anomaly.mask, (union * 0.5).astype(np.float32))
    assert anomaly.box == Box(5, 0, 50, 36)
    assert anomaly.boxes == tuple(Box.around(one) for one in regions)
    assert np.array_equal(start, normal())


def test_images_share_batches_and_keep_their_own_randomness():
    painter = Painter()
    first = [region(5, 5, 15, 12), region(30, 20, 50, 36)]
    works = [Work(normal(0), first, rng()), Work(normal(1), first[:1], np.random.default_rng(9))]
    both = draw_several(painter, works)
    assert [len(batch) for batch in painter.batches] == [2, 1]
    (alone,) = draw_several(Painter(), [Work(normal(0), first, rng())])
    assert np.array_equal(both[0].image, alone.image)
    assert both[1].boxes == ()


def test_parts_are_judged_on_the_finished_image():
    regions = [region(5, 5, 15, 12), region(30, 20, 50, 36)]
    (anomaly,) = draw_several(Painter(), [Work(normal(), regions, rng())])
    found = parts(anomaly)
    for part, own in zip(found, regions, strict=True):
        assert part.image is anomaly.image
        assert part.box == Box.around(own)
        assert np.array_equal(part.region, own)
        assert np.array_equal(part.mask > 0, own)
        assert part.boxes == ()


def test_nothing_to_draw_is_nothing():
    assert draw_several(Painter(), []) == []


def test_boxes_of_the_manifest_lie_in_its_box():
    entry = {
        "id": "a",
        "image": "a.png",
        "mask": None,
        "box": (5, 0, 50, 36),
        "boxes": ((5, 5, 15, 12), (30, 20, 50, 36)),
        "normal": "n.png",
        "normal_sha256": "0" * 64,
        "category": "plate",
        "defect": "spot",
        "concept": None,
        "concept_sha256": None,
        "prior": None,
        "sampler": {},
        "seed": 0,
        "gate": {},
        "decision": "accepted",
        "versions": {},
    }
    covered = Entry(**entry).covered(40, 60)
    assert np.array_equal(covered, region(5, 5, 15, 12) | region(30, 20, 50, 36))
    assert np.array_equal(Entry(**entry | {"boxes": ()}).covered(40, 60), region(5, 0, 50, 36))
    with pytest.raises(ValidationError, match="leaves box"):
        Entry(**entry | {"boxes": ((4, 5, 15, 12),)})
