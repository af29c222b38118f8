"""Large priors at another size than their own: what knows of it, and what does not."""

from pathlib import Path

import small_models

from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages.material import prior_of


def settings_with(prior: Path, *overrides: str):
    given = {
        "dataset": {"root": "data"},
        "prior": str(prior),
        "training": {"detectors": ["draem"]},
    }
    return resolve("quick", given, overrides=overrides)


def test_a_run_draws_with_the_prior_at_the_size_asked_for(tmp_path: Path) -> None:
    small_models.stable_diffusion(tmp_path / "sd")
    assert prior_of(settings_with(tmp_path / "sd")).image_size == 32
    assert prior_of(settings_with(tmp_path / "sd", "prior_image_size=64")).image_size == 64


def test_the_size_counts_for_what_is_trained_on_drawn_defects(small_prior_file: Path) -> None:
    plain = RunFolder(Path("run"), settings_with(small_prior_file))
    larger = RunFolder(Path("run"), settings_with(small_prior_file, "prior_image_size=64"))
    both = "draem+generated"
    assert plain.settings_hash("draem", both) != larger.settings_hash("draem", both)
    assert plain.settings_hash("draem", "draem") == larger.settings_hash("draem", "draem")
