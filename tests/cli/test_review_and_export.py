"""``anogen review`` and ``anogen export``, as a user calls them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from anogen.bank.bank import Bank
from anogen.data.images import write_png
from anogen.study.review.server import HEADER
from anogen.study.review.session import key_of
from anogen.study.run_folder import open_run

sys.path.append(str(Path(__file__).parents[1] / "study"))

from reviewable import make_reviewable


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reviewable(tmp_path_factory.mktemp("verbs")).path


def test_export(anogen, run, tmp_path):
    out = tmp_path / "out"
    answer = anogen("export", run, "--format", "mvtec", "--out", out, "--licence", "CC0")
    assert (answer.code, answer.out) == (0, f"exported: {out} (6 images)\n")
    assert "CC0" in (out / "README.md").read_text()
    answer = anogen("validate", out)
    assert (answer.code, "nothing is wrong" in answer.out) == (0, True)
    for arguments, sentence in (
        (("--format", "mvtec", "--out", out), f"{out}: is not an empty folder"),
        (("--format", "voc", "--out", tmp_path / "x"), "coco, yolo, masks, textual-inversion."),
        (
            ("--format", "coco", "--out", tmp_path / "x", "--category", "bolt"),
            "no bank of bolt; there are: disc",
        ),
    ):
        answer = anogen("export", run, *arguments)
        assert answer.code == 2
        assert sentence in answer.err
        assert len(answer.err.splitlines()) == 1
    answer = anogen("review", tmp_path)
    assert (answer.code, "holds no run" in answer.err) == (2, True)


def test_a_bank_is_exported_whatever_became_of_its_dataset(anogen, run, tmp_path):
    root = Path(open_run(run).settings.dataset.root)
    odd = root / "disc/test/scratch"
    odd.mkdir(parents=True)
    write_png(odd / "unmasked.png", np.zeros((8, 8), np.uint8))
    out = tmp_path / "out"
    try:
        answer = anogen("export", run, "--format", "coco", "--out", out)
    finally:
        shutil.rmtree(odd)
    assert (answer.code, answer.out) == (0, f"exported: {out} (6 images)\n")


def test_review_serves_until_ctrl_c_and_holds_the_run(run, anogen):
    process = subprocess.Popen(
        [sys.executable, "-m", "anogen", "review", str(run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        # A shell starts its background jobs deaf to Ctrl-C, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"review: (http://127\.0\.0\.1:\d+/)\?token=(.+)\n", line)
        assert found, line + process.stderr.read()
        # Another address of this machine's loopback network: whoever listens everywhere answers.
        port = int(found[1].rstrip("/").rpartition(":")[2])
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port), timeout=2)
        key = key_of("disc", "defect-0-000")
        request = urllib.request.Request(
            f"{found[1]}words/{key}", b"rejected", {HEADER: found[2]}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status == 200
        answer = anogen("train", run)
        assert (answer.code, "another anogen is working there" in answer.err) == (2, True)
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert f"'anogen train {run}' trains again" in err
    manifest = run / "bank/disc/manifest.jsonl"
    assert len(manifest.read_text().splitlines()) == 8
    assert not Bank(run / "bank/disc").manifest["defect-0-000"].accepted
