"""Words to start from that the prior does not know are told before any work."""

import pytest

from anogen.errors import InputError
from anogen.study.settings import resolve
from anogen.study.stages.material import prior_of


def prior_with(file, *overrides):
    given = {
        "dataset": {"root": "data"},
        "method": "anomalydiffusion",
        "prior": str(file),
    }
    return prior_of(resolve("official", given, overrides=overrides))


def test_the_sentence_names_the_setting_and_what_to_write(small_prior_file):
    with pytest.raises(InputError) as error:
        prior_with(small_prior_file)
    sentence = str(error.value)
    assert sentence.startswith("setting concept.init=anomaly: ")
    assert "known are: normal, defect" in sentence
    assert "--set concept.init=auto" in sentence
    with pytest.raises(InputError, match=r"masks\.init=tear: .*--set masks\.init=random"):
        prior_with(small_prior_file, "concept.init=auto", "masks.init=tear")


@pytest.mark.parametrize("word", ["auto", "mean", "defect"])
def test_known_words_and_what_is_no_word_pass(small_prior_file, word):
    prior = prior_with(small_prior_file, f"concept.init={word}", "masks.init=random")
    assert prior.device.type == "cpu"


def test_words_of_masks_count_only_where_masks_are_learned(small_prior_file):
    prior_with(small_prior_file, "concept.init=auto", "masks.source=varied")
