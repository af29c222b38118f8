"""Exported concepts, read by diffusers itself."""

from pathlib import Path

import pytest
import small_models
import torch

from anogen.concept.concept import Concept
from anogen.concept.export import export_textual_inversion
from anogen.concept.spatial_encoder import new_spatial_encoder
from anogen.errors import InputError
from anogen.prior.stable_diffusion import load_stable_diffusion


@pytest.mark.parametrize("count", [1, 3])
def test_diffusers_loads_an_exported_concept(tmp_path: Path, count: int) -> None:
    pipeline = small_models.stable_diffusion(tmp_path / "sd")
    prior = load_stable_diffusion(tmp_path / "sd")
    tokens = torch.randn((count, 32), generator=torch.Generator().manual_seed(0))
    concept = Concept("Metal nut", "bent", tokens, prior.fingerprint)
    path = tmp_path / "bent.safetensors"
    word = export_textual_inversion(concept, path)
    assert word == "<metal_nut-bent>"
    pipeline.load_textual_inversion(str(path))
    with torch.no_grad():
        theirs = pipeline.encode_prompt(f"a photo of a {word} seen near", "cpu", 1, False)[0]
        ours = prior.context(tokens[None], "a photo of a * seen near")
    torch.testing.assert_close(ours, theirs)


def test_a_spatial_encoder_cannot_be_exported(tmp_path: Path) -> None:
    encoder = new_spatial_encoder("light", torch.zeros(1, 4), generator=torch.Generator())
    concept = Concept("plate", "spot", torch.zeros(1, 4), "0" * 16, spatial=encoder)
    with pytest.raises(InputError, match=r"plate/spot has a spatial encoder.*spatial: none"):
        export_textual_inversion(concept, tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_words_and_files_that_cannot_be_loaded_are_refused(tmp_path: Path) -> None:
    concept = Concept("plate", "spot", torch.zeros(1, 4), "0" * 16)
    with pytest.raises(InputError, match="one word"):
        export_textual_inversion(concept, tmp_path / "a.safetensors", token="two words")
    with pytest.raises(InputError, match=r"\.safetensors"):
        export_textual_inversion(concept, tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []
