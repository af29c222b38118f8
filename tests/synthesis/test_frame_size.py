"""A small defect on a frame of 4000 x 3000 pixels: drawn and judged as on a small one."""

import numpy as np
import pytest
import torch

from anogen.concept.concept import Concept
from anogen.placement.box import Box
from anogen.synthesis.anogen import AnoGenSynthesizer
from anogen.synthesis.anomalydiffusion import AnomalyDiffusionSynthesizer
from anogen.synthesis.contract import Anomaly
from anogen.synthesis.diffusion import Job
from anogen.synthesis.gate import Limits, calibrated, judge
from anogen.synthesis.likeness import crop_around
from anogen.synthesis.miniatures import LARGE, Overview, distance_to, miniature
from anogen.synthesis.rendered import rendered as render
from anogen.synthesis.settings import SynthesisSettings

FRAME = (3000, 4000)
LENGTH = 60


def grain(shape, seed):
    rng = np.random.default_rng(seed)
    tile = rng.integers(90, 140, (64, 64, 3), dtype=np.uint8)
    rows, columns = np.arange(shape[0]) % 64, np.arange(shape[1]) % 64
    return tile[rows[:, None], columns]


def support():
    """A dark blot of 60 pixels on a small image."""
    image, mask = grain((160, 200), 1), np.zeros((160, 200), bool)
    y, x = np.ogrid[:160, :200]
    mask[((y - 80) / (LENGTH / 4)) ** 2 + ((x - 100) / (LENGTH / 2)) ** 2 <= 1] = True
    image[mask] //= 3
    return image, mask


def synthesizer(prior, member=AnoGenSynthesizer, *, rendered=0.0):
    generator = torch.Generator().manual_seed(0)
    tokens = 3 * torch.randn(4, prior.token_dim, generator=generator)
    concept = Concept(category="plate", defect="crack", tokens=tokens, prior=prior.fingerprint)
    settings = SynthesisSettings(steps=2, init="sketch", strength=0.4, rendered=rendered)
    return member(prior, concept, settings=settings, supports=[support()])


@pytest.mark.parametrize("box", [Box(1700, 2200, 1770, 2260), Box(3940, 2950, 4000, 3000)])
def test_a_small_defect_on_a_large_frame(small_prior, box):
    normal = grain(FRAME, 2)
    region = box.mask(*FRAME)
    anomaly = synthesizer(small_prior)(normal, region, np.random.default_rng(3))
    assert anomaly.image.shape == normal.shape
    changed = (anomaly.image != normal).any(axis=2)
    assert changed[box.slices].any()
    changed[box.slices] = False
    assert not changed.any()
    assert anomaly.defective.any()
    assert not anomaly.mask[~region].any()
    supports = [support()]
    verdict = judge(
        normal,
        anomaly,
        calibrated(supports, [normal], margin=0.15),
        on_object=np.ones(FRAME, bool),
        distance=distance_to(anomaly.image, [miniature(image) for image, _ in supports]),
    )
    assert verdict.scores["area"] == anomaly.defective.sum()
    assert verdict.scores["on_object"] == 1
    inside = anomaly.defective[box.slices]
    difference = np.abs(anomaly.image[box.slices].astype(int) - normal[box.slices]).max(axis=2)
    assert verdict.scores["change"] == pytest.approx(difference[inside].mean() / 255, abs=2e-5)


@pytest.mark.parametrize(
    ("member", "rendered"),
    [(AnoGenSynthesizer, 0.0), (AnoGenSynthesizer, 1.0), (AnomalyDiffusionSynthesizer, 0.0)],
)
@pytest.mark.parametrize("at", [(700, 400), (1138, 856), (0, 300)])
def test_a_sketch_is_that_of_the_whole_frame(small_prior, member, rendered, at):
    normal = grain((900, 1200), 4)
    box = Box(at[0], at[1], at[0] + 62, at[1] + 44)
    region = box.mask(900, 1200) & (np.add.outer(np.arange(900), np.arange(1200)) % 97 > 5)
    made = synthesizer(small_prior, member, rendered=rendered)
    prepared = made._prepare(Job(normal, region, np.random.default_rng(5)))
    assert prepared.base.size < normal.size / 4
    rng = np.random.default_rng(5)
    if rendered:
        rng.random()  # which kind of sketch it is
        base, outline = render(normal, region, rng, kind="crack")
    else:
        base, outline = made._sketch(normal, region, rng)
    assert (base != normal).any()
    np.testing.assert_array_equal(prepared.base, base[prepared.part.slices])
    np.testing.assert_array_equal(prepared.outline, (outline & region)[box.slices])


@pytest.mark.parametrize("member", [AnoGenSynthesizer, AnomalyDiffusionSynthesizer])
@pytest.mark.parametrize("at", [(700, 400), (1138, 856), (0, 300)])
def test_drawing_and_judging_a_part_of_a_frame_is_that_of_the_frame(small_prior, member, at):
    normal = grain((900, 1200), 8)
    box = Box(at[0], at[1], at[0] + 62, at[1] + 44)
    region = box.mask(900, 1200) & (np.add.outer(np.arange(900), np.arange(1200)) % 97 > 5)
    object_ = np.add.outer(np.arange(900), np.arange(1200)) < at[0] + at[1] + 60
    made, limits = synthesizer(small_prior, member), Limits(least_change=0.01)
    part = made.around(box, 900, 1200)
    assert part.area < normal[..., 0].size / 4
    whole = made(normal, region, np.random.default_rng(9))
    cut = made(normal[part.slices], region[part.slices], np.random.default_rng(9))
    np.testing.assert_array_equal(cut.image, whole.image[part.slices])
    np.testing.assert_array_equal(cut.mask, whole.mask[part.slices])
    assert cut.box.outside(part) == whole.box
    verdict = judge(normal, whole, limits, on_object=object_)
    assert judge(normal[part.slices], cut, limits, on_object=object_[part.slices]) == verdict
    assert verdict.scores["area"] > 0
    for one, other in zip(
        crop_around(whole.image, whole.defective),
        crop_around(cut.image, cut.defective),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def embedded(image, shape, at, fill):
    """The image as a part of a larger one of other content."""
    frame = fill.copy()
    frame[at[0] : at[0] + shape[0], at[1] : at[1] + shape[1]] = image
    return frame


def test_a_verdict_is_that_of_the_surroundings_however_large_the_frame():
    shape, at = (120, 140), (1400, 2600)
    rng = np.random.default_rng(6)
    normal = rng.integers(90, 140, (*shape, 3), dtype=np.uint8)
    box = Box(40, 30, 100, 80)
    image, mask = normal.copy(), np.zeros(shape, np.float32)
    image[40:60, 50:90] //= 2
    mask[38:62, 48:92] = 0.8
    object_ = np.zeros(shape, bool)
    object_[:, :80] = True
    limits = Limits(least_change=0.05, smallest_area=6, most_seam=0.5)
    small = judge(normal, Anomaly(image, box, box.mask(*shape), mask), limits, on_object=object_)
    # Noise all around that would count as a change, a seam and an object.
    fill = grain(FRAME, 6)
    other = 255 - fill
    there = Box(box.x0 + at[1], box.y0 + at[0], box.x1 + at[1], box.y1 + at[0])
    anomaly = Anomaly(
        embedded(image, shape, at, other),
        there,
        there.mask(*FRAME),
        embedded(mask, shape, at, np.zeros(FRAME, np.float32)),
    )
    large = judge(
        embedded(normal, shape, at, fill),
        anomaly,
        limits,
        on_object=embedded(object_, shape, at, np.ones(FRAME, bool)),
    )
    assert large == small
    assert 0 < small.scores["on_object"] < 1
    assert small.scores["change"] > 0.1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_miniature_of_a_large_image_is_the_mean_of_each_part(dtype):
    rng = np.random.default_rng(7)
    image = rng.integers(0, np.iinfo(dtype).max, (1056, 1088, 3), dtype=dtype, endpoint=True)
    image[:500] //= 4
    assert image.shape[0] * image.shape[1] > LARGE
    parts = image.reshape(32, 33, 32, 34, 3).mean(axis=(1, 3, 4)) / np.iinfo(dtype).max
    assert np.abs(miniature(image) - parts).max() < 1e-3


@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ((200, 240, 3), Box(30, 40, 90, 70)),
        ((1056, 1088, 3), Box(500, 600, 560, 640)),
        ((1056, 1088), Box(0, 0, 20, 30)),
        ((1504, 2000, 3), Box(1940, 1444, 2000, 1504)),
        ((1201, 1003, 3), Box(700, 640, 760, 700)),  # no cell but the first begins on a pixel
        ((130, 9000), Box(8000, 20, 8060, 80)),  # shorter than its cells are many
    ],
)
def test_a_miniature_of_a_changed_part_is_that_of_the_changed_image(shape, part):
    rng = np.random.default_rng(10)
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    changed = image.copy()
    changed[part.slices] //= 3
    overview = Overview(image)
    expected = miniature(changed)
    np.testing.assert_array_equal(overview.miniature(part, changed[part.slices]), expected)
    assert (expected != miniature(image)).any()
    np.testing.assert_array_equal(overview.miniature(part, image[part.slices]), miniature(image))
