"""The bank: what is added comes back, nothing leaves its folder, a kill changes nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anogen.bank.bank import Bank, image_path, mask_path
from anogen.bank.manifest import Entry
from anogen.errors import InputError


def entry(identity: str, **changes: Any) -> Entry:
    return Entry.model_validate(
        {
            "id": identity,
            "image": image_path(identity),
            "mask": mask_path(identity),
            "box": [1, 2, 5, 6],
            "normal": "good/0.png",
            "normal_sha256": "0" * 64,
            "category": "tile",
            "defect": "crack",
            "concept": None,
            "concept_sha256": None,
            "prior": None,
            "sampler": {},
            "seed": 1,
            "gate": {},
            "decision": "accepted",
            "versions": {},
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((9, 7), np.uint8), ((9, 7, 3), np.uint8), ((9, 7), np.uint16), ((9, 7, 3), np.uint16)],
)
def test_images_and_masks_come_back(tmp_path: Path, shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(np.iinfo(dtype).max, size=shape, endpoint=True).astype(dtype)
    mask = rng.random(shape[:2]).astype(np.float32)
    bank = Bank(tmp_path)
    bank.add(entry("x"), image, mask)
    again = Bank(tmp_path)
    stored = again.mask(entry("x"))
    assert again.has("x")
    np.testing.assert_array_equal(again.image(entry("x")), image)
    assert again.image(entry("x")).dtype == dtype
    assert stored is not None
    np.testing.assert_allclose(stored, mask, atol=0.5 / 255 + 1e-6)


def test_only_accepted_entries_are_iterated(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    image = np.zeros((9, 7), dtype=np.uint8)
    rejected = {"decision": "rejected", "reason": "too faint", "mask": None}
    bank.add(entry("c", mask=None), image, None)
    bank.add(entry("b", **rejected), image, None)
    bank.add(
        entry("a", **rejected, review={"word": "accepted", "time": "2026-01-31T12:00:00Z"}),
        image,
        None,
    )
    bank.add(entry("d", mask=None, defect="hole"), image, None)
    assert [e.id for e in bank.accepted()] == ["a", "c", "d"]
    assert [e.id for e in bank.accepted("crack")] == ["a", "c"]
    assert [e.id for e in bank] == ["a", "b", "c", "d"]
    assert bank.mask(entry("c", mask=None)) is None


def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    image, mask = np.zeros((9, 7), dtype=np.uint8), np.zeros((9, 7), dtype=np.float32)
    for bad, pixels, label, words in (
        (entry("x"), image, None, "go together"),
        (entry("x", mask=None), image, mask, "go together"),
        (entry("x"), image, mask.T, "mask"),
        (entry("x", box=[0, 0, 8, 2]), image, mask, "leaves"),
    ):
        with pytest.raises(ValueError, match=words):
            bank.add(bad, pixels, label)
    assert list(tmp_path.iterdir()) == []
    bank.add(entry("x"), image, mask)
    with pytest.raises(ValueError, match="already"):
        bank.add(entry("x"), image, mask)


def test_a_link_out_of_the_bank_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    folder = tmp_path / "bank"
    folder.mkdir()
    (folder / "images").symlink_to(secret)
    with pytest.raises(InputError, match="leaves"):
        Bank(folder).add(entry("x", mask=None), np.zeros((9, 7), dtype=np.uint8), None)
    assert list(secret.iterdir()) == []


MAKER = """
import sys
from pathlib import Path
import numpy as np
from anogen.bank.bank import Bank
from anogen.seeds import rng_of
sys.path.insert(0, sys.argv[2])
from test_bank import entry
bank = Bank(Path(sys.argv[1]))
print("ready", flush=True)
for name in [f"crack-{i:03d}" for i in range(40)][::-1]:
    if not bank.has(name):
        rng = rng_of(name)
        image = rng.integers(256, size=(48, 48, 3)).astype(np.uint8)
        bank.add(entry(name), image, rng.random((48, 48)).astype(np.float32))
bank.finish()
"""


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_bank_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path) -> None:
    def start(folder: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", MAKER, str(folder), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole).wait() == 0
    waits = np.random.default_rng(0).uniform(0.002, 0.02, size=3)
    for wait in waits:
        process = start(killed)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(killed).wait() == 0
    assert content(killed) == content(whole)
    assert len(content(whole)) == 81
