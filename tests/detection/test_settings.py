import math

import pytest
import torch
from pydantic import ValidationError

from anogen.detection.contract import detectors
from anogen.detection.rotations import for_category
from anogen.detection.settings import (
    DeSTSegSettings,
    DetectorSettings,
    DraemSettings,
    MaximumOfMean,
    MixtureSettings,
    TopMean,
    preset,
    settings_from,
)
from anogen.detection.unet import UNet
from anogen.detection.weak import weak_focal_loss
from anogen.errors import InputError

# The tables of the papers (DRAEM 4.1, AnoGen 5.1, DeSTSeg 4.1) and of the released codes.
DRAEM = {
    "image_size": 256,
    "width": 64,
    "reconstruction_width": 128,
    "patch": 1,
    "epochs": 700,
    "steps": None,
    "optimiser": "adam",
    "learning_rate": 1e-4,
    "weight_decay": 0.0,
    "schedule": "steps",
    "drop": 0.1,
    "focal_gamma": 2.0,
    "tau": 0.9,
    "image_score": MaximumOfMean(window=21),
    "sspcab": False,
}
DRAEM_MIXTURE = {
    "normal_share": 0.5,
    "generated_share": 0.5,
    "rotation_probability": 0.3,
    "rotation_degrees": 90.0,
    "horizontal_flip": False,
    "vertical_flip": False,
    "quarter_turns": False,
    "rotations": "given",
    "texture_operations": 3,
}
DESTSEG = {
    "image_size": 256,
    "width": 64,
    "head_width": 256,
    "teacher": "resnet18",
    "batch_size": 32,
    "steps": 5000,
    "student_share": 0.2,
    "optimiser": "sgd",
    "learning_rate": 0.4,
    "residual_learning_rate": 0.1,
    "head_learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "schedule": "constant",
    "focal_gamma": 4.0,
    "image_score": TopMean(k=100),
    "binarise": True,
}
PAPER = {"weak_scope": "boxes", "loss_normalisation": "kept"}
OFFICIAL = {"weak_scope": "all", "loss_normalisation": "all"}


def holds(settings: DetectorSettings, **expected: object) -> None:
    values = dict(settings)
    assert {name: values[name] for name in expected} == expected


def test_draem_tables() -> None:
    holds(preset("draem", "paper"), **(DRAEM | PAPER), batch_size=8)
    holds(preset("draem", "official"), **(DRAEM | OFFICIAL), batch_size=16)
    for name in ("paper", "official"):
        settings = preset("draem", name)
        mixture = dict(settings.mixture)
        assert {key: mixture[key] for key in DRAEM_MIXTURE} == DRAEM_MIXTURE
        epochs = [700 * milestone for milestone in settings.milestones]
        assert epochs == pytest.approx([400, 600])
        # AnoGen's code draws from all generated files alike.
        assert settings.mixture.balance_defects == (name == "paper")


def test_destseg_tables() -> None:
    holds(preset("destseg", "paper"), **(DESTSEG | PAPER), tau=0.9, filter_l1=True)
    # train.sh's p_cutoff of 0.0 keeps every pixel.
    holds(preset("destseg", "official"), **(DESTSEG | OFFICIAL), tau=1.0, filter_l1=False)
    for name in ("paper", "official"):
        mixture = preset("destseg", name).mixture
        # Perlin noise and a texture as DRAEM's, but its colours stay.
        assert (mixture.normal_share, mixture.texture_operations) == (0.0, 0)
        assert (mixture.rotations, mixture.rotation_fill) == ("destseg", 114)
        assert (mixture.horizontal_flip, mixture.vertical_flip) == (False, False)
        assert mixture.balance_defects == (name == "paper")


def test_destseg_turns_products_by_its_table() -> None:
    mixture = preset("destseg", "paper").mixture
    turned = {
        (True, 1.0, 5.0): "bottle grid hazelnut leather tile carpet screw",
        (False, 1.0, 5.0): "wood zipper cable",
        (False, 0.0, 0.0): "capsule metal_nut pill toothbrush transistor my_product",
    }
    for expected, products in turned.items():
        for product in products.split():
            found = for_category(mixture, product)
            values = (found.quarter_turns, found.rotation_probability, found.rotation_degrees)
            assert values == expected, product
            assert found.rotation_fill == 114
    given = MixtureSettings(rotation_probability=0.3, rotation_degrees=90)
    assert for_category(given, "bottle") == given


def test_the_official_unet_has_no_filter() -> None:
    # AnomalyDiffusion's code: the focal loss of every pixel, and nothing else.
    settings = preset("unet", "official")
    probability = torch.tensor([[[[0.001, 0.3], [0.999, 0.0]]]])
    mask = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    for weak in (True, False):
        found = weak_focal_loss(probability, mask, torch.tensor([weak]), settings)
        # Focal loss with gamma 2 (the smoothing of 1e-5 is below the tolerance).
        expected = -sum((1 - q) ** 2 * math.log(q) for q in (0.001, 0.3, 0.999, 1.0)) / 4
        assert found.item() == pytest.approx(expected, rel=1e-2)


def test_unet_tables() -> None:
    for name in ("paper", "official"):
        settings = preset("unet", name)
        # AnomalyDiffusion: 200 epochs of 500 samples at batch 8, about 12.6 thousand steps.
        holds(settings, width=64, batch_size=8, steps=12600, learning_rate=1e-4)
        holds(settings, milestones=(0.8, 0.9), drop=0.2, focal_gamma=2.0)
        holds(settings, patch=1, image_size=256, optimiser="adam", schedule="steps")
        holds(settings, precision="fp32", image_score=MaximumOfMean(window=21))
        # Half of the images are normal, and nothing is augmented.
        assert settings.mixture == MixtureSettings(normal_share=0.5)
        assert settings.mixture.rotation_probability == 0
        # 28.4 M parameters, as the published network has.
        network = UNet(3, width=settings.width, patch=settings.patch)
        assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 28.4


@pytest.mark.parametrize("detector", list(detectors))
@pytest.mark.parametrize("name", ["paper", "official", "quick", "best"])
def test_presets_are_valid_and_survive_json(detector: str, name: str) -> None:
    settings = preset(detector, name)
    again = settings_from(settings.model_dump(mode="json"), source="x")
    assert again == settings
    assert type(again) is type(settings)
    resolved = settings.resolved(220)
    assert resolved.steps is not None
    assert resolved.image_size % (32 * resolved.patch) == 0


def test_epochs_become_steps() -> None:
    # 209 normals at batch 8 are 27 batches, the last one short.
    assert preset("draem", "paper").resolved(209).steps == 700 * 27
    assert preset("destseg", "paper").resolved(209).steps == 5000
    both = preset("draem", "paper").model_copy(update={"steps": 5})
    with pytest.raises(InputError, match="either epochs or steps"):
        both.resolved(10)


def test_unknown_keys_and_bad_values_are_refused() -> None:
    with pytest.raises(ValidationError):
        DraemSettings(head_width=3)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        DeSTSegSettings(tau=1.5)
    with pytest.raises(InputError, match=r"run\.yaml: detector setting unet\.widht"):
        settings_from({"name": "unet", "widht": 3}, source="run.yaml")
    with pytest.raises(InputError, match="odd"):
        score = {"kind": "max_of_mean", "window": 20}
        settings_from({"name": "unet", "image_score": score}, source="run.yaml")
    with pytest.raises(InputError, match="known are"):
        preset("unet", "fast")


@pytest.mark.parametrize("detector", ["unet", "draem", "destseg"])
def test_sizes_that_cannot_be_halved_are_refused(detector: str) -> None:
    values = {"name": detector, "image_size": 32, "patch": 2, "steps": 1}
    with pytest.raises(InputError, match=r"image_size 32 is no multiple of 64.*use 64"):
        settings_from(values, source="study.yaml")
    assert settings_from(values | {"patch": 1}, source="study.yaml").image_size == 32


def test_published_sizes_are_trained_in_float32() -> None:
    for detector in ("unet", "draem", "destseg"):
        for name in ("paper", "official"):
            assert preset(detector, name).precision == "fp32"
