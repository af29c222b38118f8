"""Values of AnoGen's presets against what the paper prints and its released code does."""

from typing import Any

import pytest

from anogen.study.settings import PRESETS, RunSettings, resolve

# What paper and released code have in common: one vector from "defect", frozen to the last step;
# DDIM from pure noise, nothing feathered or added; two boxes, two samples, all good images, none
# drawn again (paper, section 5.1; generate.sh, txt2img.py).
COMMON = {
    "concept.tokens": 1,
    "concept.init": "defect",
    "concept.batch_size": 4,
    "concept.batch_of": "defect",
    "concept.mask_guided": True,
    "concept.weighting": "noise",
    "concept.spatial": "none",
    "concept.joint_rank": 0,
    "concept.surroundings": "blank",
    "adapt.steps": 0,
    "support.shots": 3,
    "support.split": "shots",
    "synthesis.solver": "ddim",
    "synthesis.steps": 50,
    "synthesis.eta": 0.0,
    "synthesis.guidance": 10.0,
    "synthesis.guidance_share": 1.0,
    "synthesis.init": "noise",
    "synthesis.feather": 0.0,
    "synthesis.keep_detail": False,
    "synthesis.dilation": 0.0,
    "synthesis.reweighting": None,
    "synthesis.surroundings": "blank",
    "placement.where": "anywhere",
    "placement.defects": 1,
    "placement.border": 0,
    "bank.normals": None,
    "bank.boxes": 2,
    "bank.samples": 2,
    "bank.pairs": None,
    "bank.candidates": 1,
    "bank.attempts": 1,
    "training.label": "box",
}
# Section 5.1: 6000 iterations at 0.005; GrabCut, at least half of the box on the foreground.
PAPER = COMMON | {
    "concept.steps": 6000,
    "concept.learning_rate": 0.005,
    "concept.templates": False,
    "placement.foreground": "grabcut",
    "placement.on_foreground": 0.5,
    "placement.rotation": None,
    "support.official": False,
    "evaluation.include_support": False,
}
# Released code, learning: 6100 steps of AdamW (decay 1e-2) at 4 x 5e-3; sentences; mirrored left to
# right only, the whole image; any nonzero cell of the mask, the sum over all. Drawing: Otsu, 3/4 of
# the box, the table of sizes, every box turned. Testing: shots included.
OFFICIAL = COMMON | {
    "concept.steps": 6100,
    "concept.learning_rate": 4 * 5e-3,
    "concept.weight_decay": 1e-2,
    "concept.templates": True,
    "concept.flips": True,
    "concept.vertical_flips": False,
    "concept.quarter_turns": False,
    "concept.zoom": None,
    "concept.mask_rule": "released",
    "concept.average_over": "latents",
    "placement.foreground": "otsu",
    "placement.on_foreground": 0.75,
    "placement.sizes": "official",
    "placement.rotation": (0, 180),
    "support.official": True,
    "evaluation.include_support": True,
}
# The project's own: multistep solvers, the corrections of what the released code gets wrong.
OURS = {
    "concept.init": "auto",
    "concept.batch_of": "category",
    "concept.mask_guided": True,
    "concept.mask_rule": "area",
    "concept.average_over": "mask",
    "concept.weighting": "velocity",
    "concept.weight_decay": 0.0,
    "concept.flips": True,
    "concept.vertical_flips": True,
    "concept.quarter_turns": True,
    "concept.zoom": (1.3, 3.0),
    "concept.shift": 0.25,
    "synthesis.init": "sketch",
    "synthesis.guidance": 1.0,
    "synthesis.context": 2.0,
    "placement.foreground": "auto",
    "placement.where": "alike",
    "placement.sizes": "learned",
    "support.official": False,
    "training.label": "mask",
    "evaluation.include_support": False,
}
TABLES: dict[str, dict[str, Any]] = {
    "paper": PAPER,
    "official": OFFICIAL,
    "quick": OURS,
    "best": OURS | {"bank.normals": None, "bank.boxes": 2, "bank.samples": 2},
}


def value_of(settings: RunSettings, name: str) -> Any:
    section, option = name.split(".")
    return getattr(getattr(settings, section), option)


@pytest.mark.parametrize("preset", PRESETS)
def test_values_are_those_of_the_tables(preset):
    settings = resolve(preset, {"dataset": {"root": "data"}})
    expected = TABLES[preset]
    assert {name: value_of(settings, name) for name in expected} == expected
    concept, synthesis = settings.concept, settings.synthesis
    # To the last step in theirs, to the first stop in ours.
    theirs = preset in ("paper", "official")
    assert (concept.patience * concept.check_every > concept.steps) == theirs
    if theirs:
        # The window is the whole image in the code: the smallest box of its table is 1/20.
        assert (synthesis.context >= 1 / 0.05) == (preset == "official")
    else:
        assert synthesis.solver in ("dpmsolver++", "unipc")
        assert 10 <= synthesis.steps <= 25
    # Some pictures on the way, the last of them near the end.
    pictures = concept.steps // concept.preview_every
    assert 2 <= pictures <= 6
    assert pictures * concept.preview_every > 0.9 * concept.steps
