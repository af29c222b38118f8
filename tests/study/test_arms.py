"""Names of arms."""

import pytest

from anogen.errors import InputError
from anogen.study.arms import checked_arm, procedures_of, with_generated
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve


@pytest.mark.parametrize(
    ("arm", "procedures", "generated"),
    [
        ("procedural", ("draem", "cutpaste"), False),
        ("generated", (), True),
        ("procedural+generated", ("draem", "cutpaste"), True),
        ("croppaste", ("croppaste",), False),
        ("cutpaste+generated", ("cutpaste",), True),
        ("draem+croppaste+generated", ("draem", "croppaste"), True),
    ],
)
def test_an_arm_says_its_sources(arm: str, procedures: tuple[str, ...], generated: bool) -> None:
    assert checked_arm(arm) == arm
    assert procedures_of(arm, ("draem", "cutpaste")) == procedures
    assert with_generated(arm) is generated


@pytest.mark.parametrize(
    ("arm", "sentence"),
    [
        ("perlin", "unknown arm 'perlin'; known are: procedural"),
        ("", "unknown arm ''"),
        ("draem+draem", "names draem twice"),
        ("generated+draem", "write the arm 'generated+draem' as 'draem+generated'"),
        ("procedural+cutpaste", "name either"),
    ],
)
def test_other_names_are_refused(arm: str, sentence: str, tmp_path) -> None:
    with pytest.raises(InputError, match=r"setting training\.arms") as raised:
        resolve(
            "quick",
            {"dataset": {"root": str(tmp_path)}, "training": {"arms": ["procedural", arm]}},
        )
    assert sentence in str(raised.value)


def test_the_hash_of_an_arm_covers_its_sources_only(tmp_path) -> None:
    def hashed(arm: str, *overrides: str) -> str:
        given = {"dataset": {"root": str(tmp_path)}, "training": {"detectors": "draem"}}
        settings = resolve("quick", given, overrides=overrides)
        return RunFolder(tmp_path, settings).settings_hash("draem", arm)

    assert hashed("draem") == hashed("procedural")
    assert hashed("cutpaste") == hashed("procedural", "training.procedural=cutpaste")
    different = {hashed(a) for a in ("draem", "cutpaste", "generated", "cutpaste+generated")}
    assert len(different) == 4
    assert hashed("cutpaste") == hashed("cutpaste", "synthesis.steps=3")
    assert hashed("cutpaste+generated") != hashed("cutpaste+generated", "synthesis.steps=3")
