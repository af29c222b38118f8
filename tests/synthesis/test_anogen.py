"""The contract of synthesizers for the diffusion ones, whatever image and region they are given."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from anogen.concept.concept import Concept
from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.prior.sampling import blended_sampling
from anogen.synthesis import diffusion
from anogen.synthesis.anogen import AnoGenSynthesizer
from anogen.synthesis.anomalydiffusion import AnomalyDiffusionSynthesizer
from anogen.synthesis.contract import synthesizers
from anogen.synthesis.diffusion import DiffusionSynthesizer, Job, draw_together
from anogen.synthesis.settings import SynthesisSettings

SHAPES = [(300, 417), (64, 64, 3), (41, 30, 3), (9, 70), (700, 500, 3)]
QUICK = SynthesisSettings(steps=2, init="noise")
MEMBERS = ("anogen", "anomalydiffusion")


def picture(shape, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def support():
    mask = np.zeros((40, 50), bool)
    mask[12:25, 20:30] = True
    return [(picture((40, 50, 3), seed=1), mask)]


def concept_of(prior, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tokens = 3 * torch.randn(4, prior.token_dim, generator=generator)
    return Concept(category="plate", defect="spot", tokens=tokens, prior=prior.fingerprint)


def synthesizer(prior, settings=QUICK, seed=0, member="anogen"):
    made = synthesizers[member](
        prior, concept_of(prior, seed), settings=settings, supports=support()
    )
    assert isinstance(made, DiffusionSynthesizer)
    return made


def regions_of(shape):
    """A box, a corner, everything, a ring, two far pixels: by name."""
    height, width = shape[:2]
    y, x = np.mgrid[:height, :width]
    distance = np.hypot((y - height / 2) / height, (x - width / 2) / width)
    dots = np.zeros((height, width), bool)
    dots[0, 0] = dots[height // 2, width // 2] = True
    return {
        "box": Box(width // 3, height // 4, width // 2, height // 2).mask(height, width),
        "corner": Box(width - 8, height - 6, width, height).mask(height, width),
        "everything": np.ones((height, width), bool),
        "ring": (distance < 0.4) & (distance > 0.25),
        "dots": dots,
    }


def check_anomaly(anomaly, normal, region):
    assert anomaly.image.shape == normal.shape
    assert anomaly.image.dtype == normal.dtype
    assert anomaly.box == Box.around(region)
    np.testing.assert_array_equal(anomaly.region, region)
    assert anomaly.mask.dtype == np.float32
    assert anomaly.mask.shape == normal.shape[:2]
    assert 0 <= anomaly.mask.min() <= anomaly.mask.max() <= 1
    assert not anomaly.mask[~region].any()
    # Not only outside the box: outside the region within it, too.
    np.testing.assert_array_equal(anomaly.image[~region], normal[~region])


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [*((shape, np.uint8) for shape in SHAPES), *((shape, np.uint16) for shape in SHAPES[:3])],
)
def test_contract(small_prior, shape, dtype, member):
    draw = synthesizer(small_prior, member=member)
    normal = picture(shape, dtype)
    before = normal.copy()
    normal.setflags(write=False)
    for name, region in regions_of(shape).items():
        anomaly = draw(normal, region, np.random.default_rng(4))
        np.testing.assert_array_equal(normal, before)
        check_anomaly(anomaly, normal, region)
        # A random prior may change few pixels by less than a grey level.
        assert name != "everything" or (anomaly.image != normal).any()
        again = draw(normal, region, np.random.default_rng(4))
        assert again.image.tobytes() == anomaly.image.tobytes()
        assert again.mask.tobytes() == anomaly.mask.tobytes()
        assert again.provenance == anomaly.provenance


@pytest.mark.parametrize(
    "changes",
    [
        {"solver": "ddim", "eta": 0.7},
        {"solver": "unipc", "steps": 3},
        {"init": "sketch", "strength": 0.6, "solver": "ddim"},
        {"init": "sketch", "strength": 0.6},
        {"init": "normal", "strength": 0.4, "solver": "unipc", "steps": 4},
        {"init": "sketch", "rendered": 0.5, "strength": 0.4, "steps": 4},
        {"surroundings": "blank", "guidance": 1.0},
        {"feather": 0.0, "keep_detail": False},
        {"context": 1.0, "feather": 0.5},
        {"reweighting": "none", "dilation": 0.25},
        {"reweighting": "fast", "guidance": 2.0, "steps": 3},
        {"reweighting": "paper", "steps": 3, "dilation": 0.25},
        {"reweighting": "official", "solver": "ddim", "eta": 1.0, "steps": 3},
    ],
)
def test_contract_under_every_setting(small_prior, changes):
    settings = SynthesisSettings.model_validate(QUICK.model_dump() | changes)
    member = MEMBERS["reweighting" in changes]
    draw = synthesizer(small_prior, settings, member=member)
    for shape, names in [((90, 61), ("ring", "dots")), ((64, 64, 3), ("box", "corner"))]:
        normal = picture(shape)
        for name in names:
            region = regions_of(shape)[name]
            anomaly = draw(normal, region, np.random.default_rng(1))
            check_anomaly(anomaly, normal, region)
            torch.manual_seed(int(anomaly.image[0, 0].max()))
            again = draw(normal, region, np.random.default_rng(1))
            assert again.image.tobytes() == anomaly.image.tobytes()
            assert anomaly.provenance.items() >= {"synthesizer": member}.items()
            assert anomaly.provenance["solver"] == settings.solver
            assert anomaly.provenance["reweighting"] == (settings.reweighting or "none")


@pytest.mark.parametrize("init", ["noise", "sketch"])
def test_the_batch_changes_a_grey_level_at_most(small_prior, init):
    settings = QUICK.model_copy(update={"init": init, "solver": "ddim", "eta": 0.5, "steps": 4})
    draw = synthesizer(small_prior, settings)
    jobs = []
    for number, shape in enumerate(SHAPES):
        region = list(regions_of(shape).values())[number]
        jobs.append((picture(shape, seed=number), region))

    def drawn(chosen):
        return draw.draw([Job(*jobs[n], np.random.default_rng(n)) for n in chosen])

    together = drawn(range(len(jobs)))
    backwards = drawn(reversed(range(len(jobs))))[::-1]
    for number, (one, other) in enumerate(zip(together, backwards, strict=True)):
        (alone,) = drawn([number])
        for anomaly in (other, alone):
            difference = np.abs(anomaly.image.astype(int) - one.image.astype(int))
            assert difference.max() <= 1
            assert np.abs(anomaly.mask - one.mask).mean() < 1e-3


def test_defects_share_a_batch(small_prior):
    jobs, artists = [], []
    for number, shape in enumerate(SHAPES):
        concept = concept_of(small_prior)
        other = replace(concept, defect="line", tokens=concept.tokens.flip(0) * 2)
        settings = QUICK.model_copy(update={"init": "sketch", "reweighting": "fast"})
        artists.append(
            AnomalyDiffusionSynthesizer(
                small_prior, (concept, other)[number % 2], settings=settings, supports=support()
            )
        )
        jobs.append((picture(shape, seed=number), list(regions_of(shape).values())[number]))
    together = draw_together(artists, [Job(*job, np.random.default_rng(3)) for job in jobs])
    for artist, job, one in zip(artists, jobs, together, strict=True):
        (alone,) = artist.draw([Job(*job, np.random.default_rng(3))])
        assert np.abs(alone.image.astype(int) - one.image.astype(int)).max() <= 1
        assert alone.provenance == one.provenance
    odd = synthesizer(small_prior, QUICK.model_copy(update={"steps": 3}))
    with pytest.raises(ValueError, match="share their prior and settings"):
        draw_together([artists[0], odd], [Job(*jobs[0], np.random.default_rng(3))] * 2)


def test_no_jobs_are_no_anomalies(small_prior):
    assert synthesizer(small_prior).draw([]) == []


def test_sketches_are_rendered_where_the_name_says_a_kind(small_prior):
    settings = QUICK.model_copy(update={"init": "sketch", "rendered": 1.0})
    normal, region = picture((64, 64, 3)), regions_of((64, 64))["box"]
    bases = {}
    for defect in ("spot", "crack", "crack_2"):
        concept = replace(concept_of(small_prior), defect=defect)
        made = AnoGenSynthesizer(small_prior, concept, settings=settings, supports=support())
        prepared = made._prepare(Job(normal, region, np.random.default_rng(0)))
        bases[defect] = prepared.base
        assert prepared.outline is not None
        assert prepared.outline.any()
    np.testing.assert_array_equal(bases["crack"], bases["crack_2"])
    assert (bases["crack"] != bases["spot"]).any()
    without = AnoGenSynthesizer(
        small_prior,
        concept_of(small_prior),
        settings=settings.model_copy(update={"rendered": 0.0}),
        supports=support(),
    )
    job = Job(normal, region, np.random.default_rng(0))
    np.testing.assert_array_equal(without._prepare(job).base, bases["spot"])


def test_sketches_fill_the_masks_of_anomalydiffusion_and_are_pasted_by_anogen(small_prior):
    settings = QUICK.model_copy(update={"init": "sketch"})
    normal = np.full((64, 64, 3), 90, np.uint8)
    image = np.full((40, 50, 3), 90, np.uint8)
    image[support()[0][1]] = 200
    shots = [(image, support()[0][1])]
    # What a box has left on an object with an edge: a place, not a shape.
    clipped = regions_of((64, 64))["box"] & ~np.tri(64, dtype=bool)
    share = {}
    for member in MEMBERS:
        made = synthesizers[member](
            small_prior, concept_of(small_prior), settings=settings, supports=shots
        )
        for name, region in (*regions_of((64, 64)).items(), ("clipped", clipped)):
            job = Job(normal, region, np.random.default_rng(0))
            base = made._prepare(job).base
            np.testing.assert_array_equal(base[~region], normal[~region])
            share[member, name] = (base != normal).any(axis=2)[region].mean()
    assert share["anogen", "box"] < 0.95
    assert share["anogen", "clipped"] < 0.95
    assert {v for (member, _), v in share.items() if member == "anomalydiffusion"} == {1.0}


@pytest.mark.parametrize(
    ("thickness", "zoom", "expected"), [(1, 1, 0.5), (1, 4, 0.125), (40, 4, 0.5)]
)
def test_thin_sketches_in_large_windows_are_redrawn_less(
    small_prior, monkeypatch, thickness, zoom, expected
):
    side = zoom * small_prior.image_size
    mask = np.zeros((side, side), bool)
    mask[side // 4 : 3 * side // 4, side // 4 : side // 4 + thickness] = True
    supports = [(np.where(mask, 0, 200).astype(np.uint8), mask)]
    settings = SynthesisSettings(steps=16, strength=0.5)
    made = AnoGenSynthesizer(
        small_prior, concept_of(small_prior), settings=settings, supports=supports
    )
    seen = []

    def sampling(*arguments, **named):
        seen.append(named["settings"].strength)
        return blended_sampling(*arguments, **named)

    monkeypatch.setattr(diffusion, "blended_sampling", sampling)
    everything = np.ones((side, side), bool)
    jobs = [
        Job(np.full((side, side), 180, np.uint8), everything, np.random.default_rng(seed))
        for seed in range(3)
    ]
    made.draw(jobs)
    assert seen == [expected]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_only_what_was_sketched_is_redrawn(small_prior, dtype):
    """A small spot in a large box, on noise that redrawing would not keep."""
    mask = np.zeros((40, 40), bool)
    mask[18:22, 18:22] = True
    unit = np.iinfo(dtype).max // 255
    shot = np.where(mask, 10 * unit, 200 * unit).astype(dtype)
    settings = SynthesisSettings(steps=4, strength=0.5)
    made = AnoGenSynthesizer(
        small_prior, concept_of(small_prior), settings=settings, supports=[(shot, mask)]
    )
    normal = np.random.default_rng(0).integers(150 * unit, 250 * unit, (64, 64)).astype(dtype)
    region = Box(8, 8, 56, 56).mask(64, 64)
    for seed in range(3):
        job = Job(normal, region, np.random.default_rng(seed))
        outline = made._prepare(Job(normal, region, np.random.default_rng(seed))).outline
        drawn = made.draw([job])[0].image[8:56, 8:56]
        assert outline is not None
        changed = np.argwhere(drawn != normal[8:56, 8:56])
        spot = np.argwhere(outline)
        away = np.linalg.norm(changed[:, None] - spot[None], axis=2).min(axis=1)
        reach = 0.5 * 64 / small_prior.latent_size
        assert away.max() < max(reach, 3)  # the paste itself fades over two pixels
        assert len(changed) >= len(spot) / 2


@pytest.mark.parametrize("init", ["noise", "sketch"])
def test_what_has_no_colour_gets_none(small_prior, init):
    """Nor does a coloured part, or one whose shots have colours, lose its own."""
    mask = np.zeros((40, 40), bool)
    mask[10:30, 12:28] = True
    grey = np.repeat(np.where(mask, 10, 200).astype(np.uint8)[..., None], 3, axis=2)
    red = grey.copy()
    red[mask] = (180, 20, 20)
    normal = np.repeat(picture((64, 64))[..., None], 3, axis=2)
    region = regions_of((64, 64))["box"]

    def colours(shot, on):
        settings = SynthesisSettings(init=init, steps=4, strength=0.5)
        made = AnoGenSynthesizer(
            small_prior, concept_of(small_prior), settings=settings, supports=[(shot, mask)]
        )
        image = made(on, region, np.random.default_rng(0)).image[region].astype(int)
        return int(np.ptp(image, axis=1).max())

    assert colours(grey, normal) == 0
    assert colours(red, normal) > 0
    assert colours(grey, picture((64, 64, 3))) > 0


def test_seeds_and_concepts_make_the_difference(small_prior):
    normal = picture((64, 64, 3))
    region = regions_of((64, 64))["box"]
    settings = QUICK.model_copy(update={"guidance": 6.0})
    images = {
        synthesizer(small_prior, settings, concept)(
            normal, region, np.random.default_rng(seed)
        ).image.tobytes()
        for concept in range(2)
        for seed in range(3)
    }
    assert len(images) == 6


def test_grey_images_are_drawn_like_their_colour_copies(small_prior):
    grey = picture((80, 70)) // 2 + np.uint8(60)  # no clipping, which acts on each channel
    region = regions_of(grey.shape)["ring"]
    draw = synthesizer(small_prior)
    one = draw(grey, region, np.random.default_rng(0))
    three = draw(np.repeat(grey[..., None], 3, axis=2), region, np.random.default_rng(0))
    np.testing.assert_allclose(one.image, three.image.mean(axis=2), atol=1.01)
    np.testing.assert_allclose(one.mask, three.mask, atol=1e-4)


def test_16_bits_are_drawn_like_8_and_keep_their_fine_steps(small_prior):
    eight = picture((80, 70, 3))
    region = regions_of(eight.shape)["box"]
    draw = synthesizer(small_prior)
    one = draw(eight, region, np.random.default_rng(0))
    two = draw(eight.astype(np.uint16) * 257, region, np.random.default_rng(0))
    np.testing.assert_allclose(two.image / 257, one.image, atol=0.51)
    assert (two.image[region] % 257 != 0).mean() > 0.5


class Repainter:
    """A stand-in prior that draws a constant: what comes back is known to the pixel."""

    name = "repainter"
    inpainting = False
    fingerprint = "repainter"
    image_size, latent_size, latent_channels, token_dim = 32, 8, 3, 2
    alphas_cumprod = torch.linspace(0.999, 0.01, 1000, dtype=torch.float64)
    tone = 0.5

    def encode(self, images):
        return torch.nn.functional.avg_pool2d(images, 4)

    def decode(self, latents):
        return torch.nn.functional.interpolate(latents, scale_factor=4)

    def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):  # noqa: ARG002
        level = self.alphas_cumprod[timestep].float().view(-1, 1, 1, 1)
        return (latents - level.sqrt() * self.tone) / (1 - level).sqrt()

    def context(self, tokens):
        return tokens


@pytest.mark.parametrize("feather", [0.0, 0.25])
def test_what_the_prior_draws_is_pasted_with_its_seam_and_its_mask(feather):
    prior = Repainter()
    concept = Concept(category="a", defect="b", tokens=torch.zeros(1, 2), prior="repainter")
    settings = SynthesisSettings(steps=3, guidance=1.0, init="noise", feather=feather)
    draw = AnoGenSynthesizer(prior, concept, settings=settings)
    normal = np.full((100, 100, 3), 60, np.uint8)
    box = Box(40, 44, 56, 60)
    anomaly = draw(normal, box.mask(100, 100), np.random.default_rng(0))
    # The window is the box's double: 32 pixels, the prior's own size. Cells of four pixels, on
    # the window's grid; 0.5 in [-1, 1] is 191 of 255.
    centre = Box(46, 50, 50, 54)
    assert (np.abs(anomaly.image[centre.slices].astype(int) - 191) <= 1).all()
    assert (anomaly.mask[centre.slices] == 1).all()
    first = anomaly.image[52, 40:48, 0].astype(float)
    # Opacity rises over a quarter of 16 pixels: about 1/5, 2/5, 3/5, 4/5, then 1.
    rise = [0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1] if feather else [1] * 8
    np.testing.assert_allclose(first, 60 + np.array(rise) * (191 - 60), atol=4)


def test_thin_regions_show_as_well_as_thick_ones():
    prior = Repainter()
    concept = Concept(category="a", defect="b", tokens=torch.zeros(1, 2), prior="repainter")
    settings = SynthesisSettings(steps=3, guidance=1.0, init="noise", feather=0.08)
    normal = np.full((100, 100), 60, np.uint8)
    region = np.zeros((100, 100), bool)
    region[20:80, 20:26] = region[20:24, 40:80] = True
    anomaly = AnoGenSynthesizer(prior, concept, settings=settings)(
        normal, region, np.random.default_rng(0)
    )
    for part in (np.s_[22:78, 22:24], np.s_[21:23, 42:78]):
        assert (anomaly.image[part] > 150).mean() > 0.8
        assert (anomaly.mask[part] > 0.9).mean() > 0.7


def test_the_normals_detail_stays_where_nothing_is_drawn():
    prior = Repainter()
    prior.tone = 60 / 255 * 2 - 1
    concept = Concept(category="a", defect="b", tokens=torch.zeros(1, 2), prior="repainter")
    normal = np.full((64, 64), 60, np.uint8)
    # A checkerboard finer than the prior's cells, lost in the latents.
    normal[::2, ::2] += 3
    normal[1::2, 1::2] -= 3
    region = Box(20, 20, 44, 44).mask(64, 64)
    for keep, different in ((True, False), (False, True)):
        settings = SynthesisSettings(
            steps=3, guidance=1.0, init="noise", feather=0, keep_detail=keep
        )
        anomaly = AnoGenSynthesizer(prior, concept, settings=settings)(
            normal, region, np.random.default_rng(0)
        )
        assert not anomaly.mask.any()
        assert (np.abs(anomaly.image.astype(int) - normal).max() > 1) == different


def test_wrong_use_is_refused(small_prior):
    concept = concept_of(small_prior)
    other = Concept(category="plate", defect="spot", tokens=concept.tokens, prior="feedbeef")
    with pytest.raises(InputError, match=r"plate/spot .* feedbeef"):
        AnoGenSynthesizer(small_prior, other, settings=QUICK)
    with pytest.raises(InputError, match="init: sketch"):
        AnoGenSynthesizer(small_prior, concept, settings=SynthesisSettings(init="sketch"))
    wide = Concept(
        category="plate", defect="spot", tokens=torch.zeros(1, 99), prior=small_prior.fingerprint
    )
    with pytest.raises(InputError, match="width 99"):
        AnoGenSynthesizer(small_prior, wide, settings=QUICK)
    draw, rng = synthesizer(small_prior), np.random.default_rng(0)
    normal = picture((20, 20))
    with pytest.raises(InputError, match="give a region"):
        draw(normal, None, rng)
    with pytest.raises(InputError, match="region is empty"):
        draw(normal, np.zeros((20, 20), bool), rng)
    with pytest.raises(InputError, match="uint8 or uint16"):
        draw(normal.astype(np.float32), np.ones((20, 20), bool), rng)
