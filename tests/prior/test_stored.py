"""The weights under a prior's name are known by their bytes, wherever they lie."""

import hashlib
from pathlib import Path

import pytest

from anogen.prior.stored import stored_fingerprint


def test_a_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    path.write_bytes(b"one")
    of_bytes = hashlib.sha256(b"one").hexdigest()
    first = stored_fingerprint(str(path))
    assert first == hashlib.sha256(of_bytes.encode()).hexdigest()[:16]
    path.write_bytes(b"another")
    assert stored_fingerprint(str(path)) != first
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(b"one")
    assert stored_fingerprint(str(moved)) == first


def test_every_weight_of_a_folder_counts(tmp_path: Path) -> None:
    for part in ("unet", "vae"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "model.safetensors").write_bytes(part.encode())
    before = stored_fingerprint(str(tmp_path))
    (tmp_path / "README.md").write_text("x")
    assert stored_fingerprint(str(tmp_path)) == before
    (tmp_path / "vae/model.safetensors").write_bytes(b"other")
    assert stored_fingerprint(str(tmp_path)) != before


def test_the_package_is_known_by_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, path = stored_fingerprint("embedded"), tmp_path / "newer.safetensors"
    path.write_bytes(b"newer")
    monkeypatch.setattr("anogen.prior.embedded.WEIGHTS", path)
    assert stored_fingerprint("embedded") == stored_fingerprint(str(path)) != own


def test_what_is_not_here_stands_for_itself(tmp_path: Path) -> None:
    for name in ("owner/model", str(tmp_path / "none.safetensors"), str(tmp_path)):
        assert stored_fingerprint(name) == name
