"""Concepts on disk."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from anogen.concept.concept import Concept, load_concept
from anogen.concept.spatial_encoder import new_spatial_encoder
from anogen.errors import InputError


def some_concept():
    return Concept(
        category="Schraube M4",
        defect="Riß",
        tokens=torch.randn(3, 8, generator=torch.Generator().manual_seed(0)),
        prior="0123456789abcdef",
        shots=({"key": "test/scratch/001.png", "sha256": "ab" * 32},),
        settings={"steps": 3, "zoom": [1.3, 3.0], "init": "auto"},
        losses=(1.5, 0.25),
        word="scratch",
    )


def test_round_trip(tmp_path):
    path, concept = tmp_path / "deep" / "a.safetensors", some_concept()
    concept.save(path)
    loaded = load_concept(path)
    assert torch.equal(loaded.tokens, concept.tokens)
    assert loaded.tokens.dtype == torch.float32
    for name in ("category", "defect", "prior", "shots", "settings", "losses", "word"):
        assert getattr(loaded, name) == getattr(concept, name)
    loaded.save(tmp_path / "b.safetensors")
    assert (tmp_path / "b.safetensors").read_bytes() == path.read_bytes()
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["anogen"])
    assert header["defect"] == "Riß"
    assert header["version"]


def spatial_concept():
    generator = torch.Generator().manual_seed(1)
    encoder = new_spatial_encoder("light", torch.randn(2, 8), generator=generator)
    with torch.no_grad():
        for head in encoder.heads:
            head[-1].weight.normal_(generator=generator)
    return replace(some_concept(), spatial=encoder)


def test_a_concept_of_anogen_is_the_same_file_as_ever(tmp_path):
    """Tokens alone, and no word of a spatial encoder in the header."""
    path = tmp_path / "a.safetensors"
    some_concept().save(path)
    with safe_open(path, framework="pt") as file:
        assert list(file.keys()) == ["tokens"]
        header = json.loads(file.metadata()["anogen"])
    assert list(header) == [
        *("category", "defect", "prior", "shots", "settings", "losses", "word", "version")
    ]
    tokens = load_concept(path).context_tokens(torch.rand(5, 1, 16, 16))
    assert torch.equal(tokens, some_concept().tokens.expand(5, -1, -1))


def test_the_spatial_encoder_is_part_of_the_file(tmp_path):
    path, concept = tmp_path / "a.safetensors", spatial_concept()
    concept.save(path)
    loaded = load_concept(path)
    masks = (torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(2)) > 0.5).float()
    tokens = loaded.context_tokens(masks)
    assert tokens.shape == (3, 5, 8)
    assert torch.equal(tokens[:, :3], concept.tokens.expand(3, -1, -1))
    for name, weight in concept.spatial.state_dict().items():
        assert torch.equal(loaded.spatial.state_dict()[name], weight)
    # The weights to the bit; not what they say, which their place in memory may round.
    with torch.no_grad():
        torch.testing.assert_close(tokens[:, 3:], concept.spatial(masks), rtol=1e-4, atol=1e-4)
    assert not torch.equal(tokens[0, 3:], tokens[1, 3:])
    assert not tokens.requires_grad
    loaded.save(tmp_path / "b.safetensors")
    digests = [
        hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("a.safetensors", "b.safetensors")
    ]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    "shape", [{"kind": "huge", "tokens": 2}, {"kind": "paper", "tokens": 2}, {"tokens": 2}, 3]
)
def test_headers_that_do_not_fit_the_weights_end_in_a_sentence(tmp_path, shape):
    path = tmp_path / "a.safetensors"
    spatial_concept().save(path)
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["anogen"]) | {"spatial": shape}
    save_file(load_file(path), path, {"anogen": json.dumps(header)})
    with pytest.raises(InputError, match="not a concept of anogen"):
        load_concept(path)


def test_a_concept_speaks_to_its_own_prior_only():
    concept = some_concept()
    concept.check("0123456789abcdef")
    with pytest.raises(InputError, match=r"Schraube M4/Riß .* 0123456789abcdef, not feed"):
        concept.check("feed")


def test_files_that_are_no_concept_end_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match="no such concept"):
        load_concept(tmp_path / "missing.safetensors")
    whole = tmp_path / "whole.safetensors"
    some_concept().save(whole)
    header = {"category": "a", "defect": "b"}
    tokens = {"tokens": torch.zeros(1, 2)}
    damaged = [whole.read_bytes()[:50], b""]
    for content in damaged:
        (tmp_path / "bad.safetensors").write_bytes(content)
        with pytest.raises(InputError, match="not a concept of anogen"):
            load_concept(tmp_path / "bad.safetensors")
    for metadata in (None, {"anogen": "{"}, {"anogen": json.dumps(header)}, {"anogen": "[1]"}):
        save_file(tokens, tmp_path / "bad.safetensors", metadata)
        with pytest.raises(InputError, match="not a concept of anogen"):
            load_concept(tmp_path / "bad.safetensors")
