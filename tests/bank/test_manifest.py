"""The manifest: what a line must hold, and what survives a kill."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from anogen.bank.manifest import Entry, Manifest, Review
from anogen.errors import InputError


def fields(identity: str = "crack-000", **changes: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "image": f"images/{identity}.png",
        "mask": f"masks/{identity}.png",
        "box": [3, 4, 10, 20],
        "boxes": [],
        "placed": [[1, 2, 12, 22]],
        "normal": "tile/train/good/000.png",
        "normal_sha256": "0" * 64,
        "category": "tile",
        "defect": "crack",
        "concept": "concepts/tile/crack.safetensors",
        "concept_sha256": "a" * 64,
        "prior": "f00d",
        "sampler": {"name": "anogen", "steps": 25, "guidance": 3.5, "nested": {"b": 1, "a": [2]}},
        "seed": 7,
        "gate": {"change": 0.25},
        "candidates": [],
        "decision": "accepted",
        "reason": None,
        "review": None,
        "versions": {"anogen": "0.1.0"},
        **changes,
    }


def entry(identity: str = "crack-000", **changes: Any) -> Entry:
    return Entry.model_validate(fields(identity, **changes))


def word(said: str) -> dict[str, Any]:
    return {"word": said, "time": "2026-01-31T12:00:00Z", "mask": None, "box": None}


def test_a_line_holds_exactly_the_named_fields_and_reads_back() -> None:
    line = entry().line()
    assert json.loads(line) == fields()
    assert Entry.model_validate_json(line) == entry()


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"image": "../outside.png"},
        {"image": "/etc/passwd"},
        {"mask": "masks\\..\\..\\x.png"},
        {"normal": "a/../../b.png"},
        {"id": "../up"},
        {"id": ".hidden"},
        {"id": "a/b"},
        {"id": ""},
        {"box": [3, 4, 3, 20]},
        {"box": [-1, 4, 3, 20]},
        {"box": [1, 2, 3]},
        {"placed": [[3, 4, 3, 20]]},
        {"placed": [[1, 2, 12, 22], [1, 2, 12, 22]]},
        {"normal_sha256": "abc"},
        {"seed": -1},
        {"gate": {"change": float("nan")}},
        {"concept": None},
        {"decision": "rejected"},
        {"reason": "too faint"},
        {"decision": "maybe"},
        {"review": "perhaps"},
    ],
)
def test_a_wrong_entry_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        entry(**changes)


def test_a_review_overrides_the_gate() -> None:
    rejected = {"decision": "rejected", "reason": "too faint"}
    assert entry().accepted
    assert not entry(**rejected).accepted
    assert entry(**rejected, review=word("accepted")).accepted
    assert not entry(review=word("rejected")).accepted


def test_entries_of_procedural_synthesizers_need_no_concept() -> None:
    assert entry(concept=None, concept_sha256=None, prior=None, mask=None).accepted


def test_appended_lines_are_there_when_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "bank" / "manifest.jsonl"
    manifest = Manifest(path)
    manifest.append(entry("b"))
    manifest.append(entry("a"))
    again = Manifest(path)
    assert [e.id for e in again] == ["a", "b"]
    assert "a" in again
    assert "c" not in again
    assert len(again) == 2
    assert again["b"] == entry("b")
    with pytest.raises(ValueError, match="already"):
        again.append(entry("a"))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_kill_at_any_byte_loses_the_torn_line_only(
    data: st.DataObject, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("kill")
    names = data.draw(st.permutations(["a", "b", "ü-3"]))
    whole = "".join(entry(name).line() for name in names).encode()
    cut = data.draw(st.integers(0, len(whole)))
    path = folder / "manifest.jsonl"
    path.write_bytes(whole[:cut])
    manifest = Manifest(path)
    assert len(manifest) == whole[:cut].count(b"\n")
    for name in names:
        if name not in manifest:
            manifest.append(entry(name))
    assert path.read_bytes() == whole
    manifest.finish()
    assert path.read_bytes() == "".join(entry(name).line() for name in sorted(names)).encode()


def test_damage_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(entry("a").line() + '{"id": "b"}\n')
    with pytest.raises(InputError, match=r"manifest\.jsonl: line 2 .*image"):
        Manifest(path)
    path.write_text(entry("a").line() * 2)
    with pytest.raises(InputError, match="line 2 repeats the id 'a'"):
        Manifest(path)
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(InputError, match="line 1"):
        Manifest(path)


def test_an_id_may_be_called_like_a_field(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.jsonl")
    manifest.append(entry("image"))
    manifest.review("image", Review.model_validate(word("rejected")))
    assert not Manifest(tmp_path / "manifest.jsonl")["image"].accepted
    with pytest.raises(KeyError):
        manifest.review("c", None)
