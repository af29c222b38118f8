"""Candidates are settled in their order, whatever is drawn first, and copies are drawn again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anogen.data.dataset import read_dataset
from anogen.placement.box import Box
from anogen.study.settings import RunSettings
from anogen.study.stages.goods import Good
from anogen.study.stages.judging import COPY, NO_TYPE, Drawn, Judging, described, types_of
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.copies import imprint
from anogen.synthesis.gate import Limits, Verdict

BOX = Box(4, 4, 20, 20)


def drawn(look: int, attempt: int) -> Drawn:
    """A drawing that shows its look; the same look is a copy."""
    normal = np.full((32, 32), 100, np.uint8)
    image, mask = normal.copy(), np.zeros((32, 32), np.float32)
    mask[8:16, 8:16] = 1
    image[8:16, 8:16] = np.random.default_rng(look).integers(0, 256, (8, 8))
    good = Good(normal, np.ones((32, 32), bool))
    anomaly = Anomaly(image, BOX, BOX.mask(32, 32), mask)
    return Drawn(good, Box(0, 0, 32, 32), anomaly, look, attempt)


class Told(Judging):
    """The gate rejects odd looks, and likes large ones best."""

    def __init__(self, *, attempts: int, candidates: int, shot: int | None = None) -> None:
        self._settings = RunSettings.model_validate(
            {
                "dataset": {"root": "."},
                "bank": {"attempts": attempts, "candidates": candidates},
            }
        )
        shots = []
        if shot is not None:
            anomaly = drawn(shot, 0).anomaly
            shots = [(anomaly.image, anomaly.mask >= 0.5)]
        self._supports = {"spot": shots, "line": []}

    def limits(self, defect: str) -> Limits:  # noqa: ARG002
        return Limits(least_new=0.05)

    def verdict(self, defect: str, drawn: Drawn) -> Verdict:  # noqa: ARG002
        return Verdict({"likeness": float(drawn.seed)}, "odd" if drawn.seed % 2 else None)


def run(looks: list[list[list[int]]], sizes: list[int], *, candidates: int = 1) -> list:
    """Settle ``looks[image][attempt][candidate]`` in batches of some sizes."""
    judging = Told(attempts=len(looks[0]), candidates=candidates)
    settled, earlier, start = [], [], 0
    for size in sizes:

        def draw(places, attempts, number, start=start):
            return [
                drawn(looks[start + place][attempt][number], attempt)
                for place, attempt in zip(places, attempts, strict=True)
            ]

        settled += judging.settle(["spot"] * size, draw, earlier={"spot": earlier})
        earlier = [
            imprint(one.kept.anomaly.image, one.kept.anomaly.mask >= 0.5)
            for one in settled
            if one.verdict.reason is None
        ]
        start += size
    return settled


def test_a_drawing_on_a_part_is_put_back_onto_its_image() -> None:
    rng = np.random.default_rng(0)
    good = Good(rng.integers(0, 256, (50, 60, 3), dtype=np.uint8), np.ones((50, 60), bool))
    part, box = Box(20, 10, 52, 42), Box(4, 6, 12, 9)
    image, mask = good.image[part.slices].copy(), np.zeros((32, 32), np.float32)
    image[box.slices], mask[box.slices] = 7, 0.75
    anomaly = Anomaly(image, box, box.mask(32, 32), mask, {"steps": 2}, (box,))
    whole = Drawn(good, part, anomaly, 0, 0).whole()
    # Rows 10 + 6 to 10 + 9, columns 20 + 4 to 20 + 12.
    expected, there = good.image.copy(), np.zeros((50, 60), bool)
    expected[16:19, 24:32] = 7
    there[16:19, 24:32] = True
    assert np.array_equal(whole.image, expected)
    assert np.array_equal(whole.region, there)
    assert np.array_equal(whole.mask, np.where(there, np.float32(0.75), 0))
    assert (whole.box, whole.boxes) == (Box(24, 16, 32, 19), (Box(24, 16, 32, 19),))
    assert whole.provenance == {"steps": 2}


def test_the_best_accepted_candidate_is_kept_and_all_are_told_of() -> None:
    [one] = run([[[2, 7, 6, 4]]], [1], candidates=4)
    assert one.kept.seed == 6
    assert [c.seed for c in one.candidates] == [2, 7, 6, 4]
    assert [c.reason for c in one.candidates] == [None, "odd", None, None]
    assert [c.kept for c in one.candidates] == [False, False, True, False]


def test_rejected_ones_are_drawn_again_up_to_the_limit_and_then_kept_as_rejected() -> None:
    first, second = run([[[1], [3], [4]], [[1], [3], [5]]], [2])
    assert (first.kept.seed, first.verdict.reason, len(first.candidates)) == (4, None, 3)
    assert (second.kept.seed, second.verdict.reason, len(second.candidates)) == (5, "odd", 3)


@pytest.mark.parametrize(("foreground", "told"), [("auto", True), ("median", False)])
def test_shots_of_another_size_tell_how_far_defects_lie_on_the_object(
    small_dataset: Path, foreground: str, told: bool
) -> None:
    (category,) = read_dataset(small_dataset)
    settings = RunSettings.model_validate(
        {"dataset": {"root": str(small_dataset)}, "placement": {"foreground": foreground}}
    )
    image, mask = np.full((90, 70), 120, np.uint8), np.zeros((90, 70), bool)
    mask[40:50, 30:40] = True
    image[mask] = 10
    judging = Judging(
        settings,
        category,
        {"spot": [(image, mask)]},
        objects=lambda shown, _: np.ones(shown.shape[:2], bool),
    )
    assert (judging.limits("spot").least_on_object > 0) == told


def test_a_copy_of_a_shot_is_drawn_again() -> None:
    judging = Told(attempts=3, candidates=1, shot=2)
    looks = [2, 4, 6]

    def draw(places, attempts, number):  # noqa: ARG001
        return [drawn(looks[attempt], attempt) for attempt in attempts]

    [one] = judging.settle(["spot"], draw, earlier={})
    assert [c.reason for c in one.candidates] == [COPY, None]
    assert one.candidates[0].gate["new"] == 0


# The first image is accepted late, as a copy of the second's first drawing: that one has to go,
# and its next is a copy of the third's first. The fourth copies a rejected image, which is allowed.
CHAIN = [[[1], [2], [0]], [[2], [4], [6]], [[4], [8], [10]], [[1], [14], [12]]]


@pytest.mark.parametrize("sizes", [[4], [1, 1, 1, 1], [2, 2], [3, 1], [1, 3]])
def test_copies_of_earlier_images_are_drawn_again_however_batches_are_cut(sizes: list[int]) -> None:
    settled = run(CHAIN, sizes)
    assert [one.kept.seed for one in settled] == [2, 4, 8, 14]
    assert [[c.reason for c in one.candidates] for one in settled] == [
        ["odd", None],
        [COPY, None],
        [COPY, None],
        ["odd", None],
    ]
    whole = run(CHAIN, [4])
    assert [one.candidates for one in settled] == [one.candidates for one in whole]


def test_images_of_another_defect_in_a_batch_change_nothing() -> None:
    judging = Told(attempts=3, candidates=1)
    looks = {
        "spot": [[[1], [3], [4]], [[2], [2], [6]], [[2], [2], [8]]],
        "line": [[[2], [2], [2]], [[1], [2], [6]], [[5], [5], [8]]],
    }

    def settled(order: list[tuple[str, int]]) -> dict[tuple[str, int], object]:
        def draw(places, attempts, number):
            return [
                drawn(looks[order[place][0]][order[place][1]][attempt][number], attempt)
                for place, attempt in zip(places, attempts, strict=True)
            ]

        found = judging.settle([name for name, _ in order], draw, earlier={})
        return {
            key: (one.kept.seed, one.verdict.reason, one.candidates)
            for key, one in zip(order, found, strict=True)
        }

    spots, lines = ([(name, number) for number in range(3)] for name in looks)
    mixed = [key for pair in zip(spots, lines, strict=True) for key in pair]
    assert settled(mixed) == settled(spots) | settled(lines)


class Colours:
    """A network whose features are the colours, at strides 4, 8 and 16."""

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        return images.float() / 255

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [torch.nn.functional.avg_pool2d(images, side) for side in (4, 8, 16)]


def spot(shade: tuple[int, int, int], ground: int) -> tuple[np.ndarray, np.ndarray]:
    image, mask = np.full((64, 64, 3), ground, np.uint8), np.zeros((64, 64), bool)
    mask[20:32, 24:40] = True
    image[mask] = shade
    return image, mask


def test_an_only_type_is_told_from_anomalies_of_none() -> None:
    network, object_ = Colours(), np.ones((64, 64), bool)
    rng = np.random.default_rng(0)
    normals = [rng.integers(90, 130, (64, 64, 3)).astype(np.uint8) for _ in range(3)]
    supports = {"rust": [spot((180, 90, 80), 105), spot((200, 100, 60), 115)]}
    types = types_of(network, supports, normals, [object_] * 3, margin=0.2, seed=0)
    assert set(types.centres) == {"rust", NO_TYPE}

    def likeness(shade: tuple[int, int, int]) -> float:
        image, mask = spot(shade, 125)
        normal = np.full((64, 64, 3), 125, np.uint8)
        found = types.likeness(described(network, image, normal, mask), "rust")
        assert found is not None
        return found

    assert likeness((185, 100, 70)) > 1.2
    assert likeness((60, 170, 200)) < 0.8


def test_types_are_told_apart_by_what_their_shots_change() -> None:
    network, object_ = Colours(), np.ones((64, 64), bool)
    normals = [np.full((64, 64, 3), level, np.uint8) for level in (100, 110, 120)]
    supports = {
        "rust": [spot((180, 90, 80), 105), spot((200, 100, 60), 115)],
        "oil": [spot((50, 60, 90), 105), spot((40, 70, 70), 110)],
        "unseen": [spot((105, 105, 105), 105)],
    }
    types = types_of(network, supports, normals, [object_] * 3, margin=0.2, seed=0)
    assert set(types.centres) == {"rust", "oil"}
    image, mask = spot((185, 100, 70), 125)
    seen = described(network, image, np.full((64, 64, 3), 125, np.uint8), mask)
    assert types.likeness(seen, "rust") > 1.5
    assert types.likeness(seen, "oil") < 1 / 1.5
    nothing = types_of(network, supports, normals, [~object_] * 3, margin=0.2, seed=0)
    assert nothing.likeness(seen, "rust") is None
