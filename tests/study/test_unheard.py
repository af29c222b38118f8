"""Settings that nothing would listen to are refused, those at their defaults are not."""

import pytest

from anogen.errors import InputError
from anogen.study.settings import PRESETS, resolve

GIVEN = {"dataset": {"root": "data"}}
LEARNED = "masks.source=learned"


def resolved(method, *overrides, preset="quick", **given):
    return resolve(preset, GIVEN | {"method": method} | given, overrides=overrides)


@pytest.mark.parametrize(
    ("override", "setting"),
    [
        ("placement.sizes=given", "placement.sizes"),
        ("placement.margin=0.3", "placement.margin"),
        ("placement.aspect=[0.5, 2]", "placement.aspect"),
        ("placement.rotation=[0, 90]", "placement.rotation"),
    ],
)
def test_masks_are_no_boxes(override, setting):
    resolved("anogen", override)
    for preset in PRESETS:
        resolved("anomalydiffusion", preset=preset)
        with pytest.raises(InputError, match=rf"^setting {setting}: .*anomalydiffusion.*masks"):
            resolved("anomalydiffusion", override, preset=preset)


def test_boxes_are_no_masks():
    for override in (LEARNED, "masks.count=5"):
        with pytest.raises(InputError, match=r"^setting masks\.\w+: .*anogen draws in boxes"):
            resolved("anogen", override)


def test_varied_masks_learn_nothing_and_learned_ones_are_not_varied():
    with pytest.raises(InputError, match=r"^setting masks\.steps: counts for masks\.source=lear"):
        resolved("anomalydiffusion", "masks.steps=5")
    resolved("anomalydiffusion", "masks.steps=5", LEARNED)
    for override in ("placement.size_jitter=0.5", "placement.turn=false"):
        resolved("anomalydiffusion", override)
        with pytest.raises(InputError, match=r"^setting placement\..*: learned masks have sizes"):
            resolved("anomalydiffusion", override, LEARNED)


def test_a_default_that_is_written_out_is_no_change():
    given = {"margin": 0.15, "sizes": "learned", "aspect": None}
    settings = resolved("anomalydiffusion", placement=given)
    assert settings == resolved("anomalydiffusion")
    resolved("anomalydiffusion", "masks.source=varied", "masks.count=64")


def test_the_papers_masks_are_learned():
    for preset in PRESETS:
        assert not resolved("anogen", preset=preset).learns_masks
        learned = resolved("anomalydiffusion", preset=preset).learns_masks
        assert learned == (preset in ("paper", "official"))
        assert not resolved("anomalydiffusion", "masks.source=varied", preset=preset).learns_masks


@pytest.mark.parametrize(
    ("override", "heard"),
    [
        ("synthesis.eta=0.5", ["synthesis.solver=ddim"]),
        ("synthesis.guidance_share=0.5", ["synthesis.guidance=2"]),
        ("synthesis.strength=0.5", ["synthesis.init=normal"]),
        (
            "placement.ranges={spot: {width: [0.1, 0.2], height: [0.1, 0.2]}}",
            ["placement.sizes=given"],
        ),
        ("placement.size_jitter=0.5", []),
        ("placement.turn=false", []),
        ("concept.spatial_tokens=2", ["concept.spatial=light"]),
        ("concept.spatial_learning_rate=0.1", ["concept.spatial=light"]),
        ("concept.joint_steps=5", ["concept.joint_rank=4"]),
    ],
)
def test_what_another_setting_makes_void(override, heard):
    voids = {"synthesis.strength=0.5": "synthesis.init=noise"}.get(
        override, "placement.sizes=official"
    )
    resolved("anogen", override, *heard)
    setting = override.partition("=")[0]
    with pytest.raises(InputError, match=rf"^setting {setting}: .*; leave it out"):
        resolved("anogen", override, voids)


@pytest.mark.parametrize(
    ("override", "voids"),
    [
        ("concept.shift=0.1", "concept.zoom=null"),
        ("concept.vertical_flips=false", "concept.flips=false"),
        ("concept.mask_rule=released", "concept.mask_guided=false"),
        ("concept.average_over=latents", "concept.mask_guided=false"),
    ],
)
def test_how_shots_are_seen(override, voids):
    resolved("anogen", override)
    resolved("anogen", voids)
    # What the preset itself says is no word of the user's.
    resolved("anogen", voids, preset="official")
    setting = override.partition("=")[0]
    with pytest.raises(InputError, match=rf"^setting {setting}: .*; leave it out"):
        resolved("anogen", override, voids)
