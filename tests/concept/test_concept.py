"""Concepts on disk."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from anogen.concept.concept import Concept, load_concept
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
