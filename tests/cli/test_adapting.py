"""``anogen prior adapt``: one product, one file, and a prior that loads from it."""

import pytest

from anogen.prior.adaptation.adapted import is_adapted
from anogen.prior.adaptation.settings import AdaptSettings
from anogen.prior.loading import load_prior


def test_a_prior_of_a_product(anogen, small_dataset, small_prior_file, tmp_path, monkeypatch):
    monkeypatch.setattr("anogen.prior.embedded.WEIGHTS", small_prior_file)
    few = AdaptSettings(steps=2, windows=4, batch_size=2)
    monkeypatch.setattr("anogen.prior.adaptation.settings.AdaptSettings", lambda **_: few)
    path = tmp_path / "plate.safetensors"
    command = ("prior", "adapt", small_dataset, "--category", "plate", "--out", path)
    done = anogen(*command)
    assert (done.code, done.out) == (0, f"{path}\n")
    assert is_adapted(load_prior(str(path)))
    before = path.read_bytes()
    assert anogen(*command).code == 0
    assert path.read_bytes() == before
    other = anogen(*command, "--seed", 1)
    assert other.code == 2
    assert "fitted to other images or with other settings" in other.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--steps", 0), "at least 1"),
        (("--out", "prior.bin"), "ends in .safetensors"),
        (("--category", "cup"), "cup"),
    ],
)
def test_wrong_usage(anogen, small_dataset, options, says):
    done = anogen("prior", "adapt", small_dataset, *options)
    assert done.code == 2
    assert says in done.err
