"""A run that is killed again and again ends with the bytes of one that was not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_twenty_kills_change_no_byte(
    small_dataset: Path, small_prior_file: Path, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("killing.py")
    done = subprocess.run(
        [sys.executable, str(script), str(small_dataset), str(small_prior_file), str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("killed after") == 20
    assert done.stdout.splitlines()[-1] == "finished, the same bytes"
