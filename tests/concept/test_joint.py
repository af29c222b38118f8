"""Tokens and weights learned together: both move, and the concepts know their prior."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from anogen.concept.joint import learn_jointly
from anogen.concept.learning import learn_concepts
from anogen.concept.settings import ConceptSettings
from anogen.concept.views import Shot
from anogen.data.dataset import read_dataset
from anogen.prior.adaptation.adapted import load_adapted
from anogen.prior.adaptation.settings import AdaptSettings

SETTINGS = ConceptSettings(
    steps=2, views=2, batch_size=4, check_every=2, init="defect", joint_rank=2, joint_steps=3
)
REHEARSAL = AdaptSettings(windows=4, images=2, learning_rate=0.01)


def shots(seed):
    image = np.random.default_rng(seed).integers(90, 160, (60, 70, 3), dtype=np.uint8)
    mask = np.zeros((60, 70), bool)
    mask[20:34, 15:40] = True
    image[mask] //= 3
    return (Shot(f"test/{seed}.png", f"{seed:064x}", image, mask),)


SUPPORT = {"line": shots(1), "spot": shots(2)}


@pytest.fixture(scope="module")
def concepts(small_prior):
    return learn_concepts(small_prior, SUPPORT, category="plate", settings=SETTINGS, seed=1)


def jointly(prior, concepts, dataset, path, **changes):
    (category,) = read_dataset(dataset)
    return learn_jointly(
        prior,
        concepts,
        SUPPORT,
        category.train,
        path,
        settings=SETTINGS.model_copy(update=changes),
        rehearsal=REHEARSAL,
        seed=4,
    )


def test_concepts_belong_to_the_prior_that_learned_along(
    small_prior, small_dataset, concepts, tmp_path
):
    before = {name: value.clone() for name, value in small_prior.state_dict().items()}
    path = tmp_path / "joint.safetensors"
    learned = jointly(small_prior, concepts, small_dataset, path)
    for name, value in small_prior.state_dict().items():
        assert torch.equal(value, before[name])
    changed = load_adapted(path, small_prior)
    assert [c.defect for c in learned] == ["line", "spot"]
    for old, new in zip(concepts, learned, strict=True):
        assert new.prior == changed.fingerprint != old.prior
        assert not torch.equal(new.tokens, old.tokens)
        assert new.shots == old.shots
        assert not new.tokens.requires_grad
    again = tmp_path / "again.safetensors"
    same = jointly(small_prior, concepts, small_dataset, again)
    assert again.read_bytes() == path.read_bytes()
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(same, learned, strict=True))


def test_without_steps_nothing_changes_but_the_name_of_the_prior(
    small_prior, small_dataset, concepts, tmp_path
):
    path = tmp_path / "joint.safetensors"
    learned = jointly(small_prior, concepts, small_dataset, path, joint_steps=0)
    for old, new in zip(concepts, learned, strict=True):
        assert torch.equal(new.tokens, old.tokens)
    same = load_adapted(path, small_prior)
    for name, value in same.state_dict().items():
        assert torch.equal(value, small_prior.state_dict()[name])


def test_a_spatial_encoder_is_refused_before_any_work():
    with pytest.raises(ValidationError, match="joint_rank goes without a spatial encoder"):
        ConceptSettings(joint_rank=2, spatial="light")
