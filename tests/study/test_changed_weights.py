"""Other weights under a prior's name: runs refuse to go on, cells of a study are made anew."""

import shutil
from pathlib import Path

import pytest
import yaml
from test_study import COMMON

from anogen.cli import main
from anogen.errors import InputError
from anogen.prior.stored import stored_fingerprint
from anogen.study.cells import Cell, cells_of
from anogen.study.run_folder import CONFIG, RunFolder, claim, open_run
from anogen.study.settings import resolve
from anogen.study.study_file import checked_study


@pytest.fixture
def prior(small_prior_file: Path, tmp_path: Path) -> Path:
    return shutil.copyfile(small_prior_file, tmp_path / "prior.safetensors")


def change(prior: Path) -> None:
    """Turn one bit of a weight."""
    data = prior.read_bytes()
    prior.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_a_run_of_other_weights_is_not_gone_on_with(
    small_dataset: Path,
    prior: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"dataset": {"root": str(small_dataset)}, "prior": str(prior)}
    run = RunFolder(tmp_path / "run", resolve("quick", given))
    run.write_config(command=["anogen"])
    before = stored_fingerprint(str(prior))
    config = yaml.safe_load((run.path / CONFIG).read_text())
    assert config["weights"] == before
    assert claim(run.path, run.settings) == open_run(run.path) == run
    hashes = {arm: run.settings_hash("destseg", arm) for arm in ("draem", "generated")}

    change(prior)
    with pytest.raises(InputError, match=rf"run: begun with other weights .*{before} there"):
        claim(run.path, run.settings)
    for verb in ("learn", "generate"):
        monkeypatch.setattr("sys.argv", ["anogen", verb, str(run.path)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if "weights" in line]
        assert "or start another run." in line
    # What is measured of the bank that is there is of the weights that drew it.
    assert {arm: run.settings_hash("destseg", arm) for arm in hashes} == hashes
    new = RunFolder(tmp_path / "new", run.settings)
    assert new.settings_hash("destseg", "draem") == hashes["draem"]
    assert new.settings_hash("destseg", "generated") != hashes["generated"]


def test_cells_that_draw_are_others_under_other_weights(
    small_dataset: Path, prior: Path, tmp_path: Path
) -> None:
    tree = {
        "title": "weights",
        "datasets": [{"root": str(small_dataset)}],
        "detectors": "unet",
        "settings": {**COMMON, "prior": str(prior)},
        "base": "plain",
        "arms": [
            {"name": "plain", "sources": "draem"},
            {"name": "drawn", "sources": "generated"},
        ],
    }

    def cells() -> dict[str, Cell]:
        found = cells_of(checked_study(tree, "study.yaml"), tmp_path / "study")
        return {cell.names[0]: cell for cell in found}

    before = cells()
    assert {arm: cell.name for arm, cell in cells().items()} == {
        arm: cell.name for arm, cell in before.items()
    }
    change(prior)
    after = cells()
    assert after["plain"].name == before["plain"].name
    for name in ("name", "concept_key", "bank_key"):
        assert getattr(after["drawn"], name) != getattr(before["drawn"], name)
