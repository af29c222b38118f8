"""Learning of concepts: the loss by hand, and only tokens that change, for the better."""

import numpy as np
import pytest
import torch

from anogen.concept.learning import Shot, Views, learn_concepts, masked_loss
from anogen.concept.settings import ConceptSettings
from anogen.errors import InputError

SHORT = ConceptSettings(
    steps=12, views=3, batch_size=4, check_every=4, learning_rate=0.05, init="defect"
)


def shots(count=2, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        image = rng.integers(90, 160, (60, 70, 3), dtype=np.uint8)
        mask = np.zeros((60, 70), bool)
        mask[20 + 3 * number : 34, 15:40] = True
        image[mask] //= 3
        made.append(Shot(f"test/spot/{number}.png", f"{number:064x}", image, mask))
    return made


SUPPORT = {"spot": shots(2), "line": shots(1, seed=5)}


class Silent:
    """A prior of the plain kind that always predicts the noise ``tokens[0, 0]``."""

    name, inpainting, token_dim, fingerprint = "silent", False, 2, "silent"
    image_size, latent_size, latent_channels = 8, 2, 3
    alphas_cumprod = torch.tensor([0.9, 0.5, 0.01], dtype=torch.float64)

    def encode(self, images):
        return torch.nn.functional.avg_pool2d(images, 4)

    def context(self, tokens):
        return tokens

    def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):  # noqa: ARG002
        return context[:, :1, :1, None].expand_as(latents)

    def words(self):
        return ()

    def word_tokens(self, word):
        if word != "defect":
            raise InputError(f"{word!r}; known are: defect.")
        return torch.full((1, 2), 3.0)


def test_the_masked_loss_by_hand():
    mask = torch.zeros(2, 1, 2, 2)
    mask[0, 0, 0, 1] = 0.25
    mask[0, 0, 1, 1] = 1.0
    mask[1] = 1.0
    views = Views(torch.randn(2, 3, 2, 2), mask, torch.ones(2, 1, 2, 2), None)
    noise = torch.zeros(3, 3, 2, 2)
    noise[0, :, 0, 1] = torch.tensor([1.0, 2.0, 3.0])
    noise[0, :, 1, 1] = 2.0
    noise[0, :, 0, 0] = 100.0  # outside the mask: does not count
    noise[1] = 5.0
    noise[2] = 1.0
    rows, timestep = torch.tensor([0, 1, 1]), torch.tensor([1, 0, 2])
    tokens = torch.tensor([[[1.0, 9.0]], [[3.0, 9.0]], [[2.0, 9.0]]])
    loss = masked_loss(Silent(), views, rows, tokens, timestep, noise, mask_guided=True)
    # First: errors 0, 1, 4 weigh 1/4 and 1, 1, 1 weigh 1, over 1.25 times three channels, divided
    # by the level 0.5. Second: 4 / 0.9. Third: 1 over the level's floor 0.02.
    expected = [(0.25 * 5 + 3) / (1.25 * 3) / 0.5, 4 / 0.9, 1 / 0.02]
    assert loss.tolist() == pytest.approx(expected, rel=1e-5)
    everywhere = masked_loss(Silent(), views, rows, tokens, timestep, noise, mask_guided=False)
    first = (5 + 3 + 3 * 99**2 + 3 * 1) / (4 * 3) / 0.5
    assert everywhere[0].item() == pytest.approx(first, rel=1e-5)


def learn(prior, support=SUPPORT, seed=1, settings=SHORT, **changes):
    chosen = ConceptSettings.model_validate(settings.model_dump() | changes)
    return learn_concepts(prior, support, category="plate", settings=chosen, seed=seed)


def test_only_tokens_learn_and_for_the_better(small_prior):
    before = {name: value.clone() for name, value in small_prior.state_dict().items()}
    concepts = learn(small_prior)
    for name, value in small_prior.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in small_prior.parameters())
    assert [concept.defect for concept in concepts] == ["line", "spot"]
    for concept in concepts:
        assert concept.category == "plate"
        assert concept.prior == small_prior.fingerprint
        assert concept.tokens.shape == (4, small_prior.token_dim)
        assert not concept.tokens.requires_grad
        assert not torch.equal(concept.tokens, small_prior.word_tokens("defect"))
        assert len(concept.losses) == 4
        assert min(concept.losses) < concept.losses[0]
        assert concept.word == "defect"
    assert [shot["key"] for shot in concepts[1].shots] == ["test/spot/0.png", "test/spot/1.png"]
    assert not torch.equal(concepts[0].tokens, concepts[1].tokens)


def test_the_same_seed_learns_the_same(small_prior):
    one, two, other = (learn(small_prior, seed=seed, steps=4, check_every=2) for seed in (1, 1, 2))
    for a, b, c in zip(one, two, other, strict=True):
        assert a.tokens.numpy().tobytes() == b.tokens.numpy().tobytes()
        assert a.losses == b.losses
        assert not torch.equal(a.tokens, c.tokens)


def test_learning_stops_early_and_keeps_the_best():
    """A token thrown about by a huge rate: the best is what it started from."""
    seen = []
    settings = SHORT.model_copy(
        update={"learning_rate": 50.0, "patience": 2, "check_every": 3, "steps": 60, "tokens": 1}
    )

    class Centred(Silent):
        def word_tokens(self, word):  # noqa: ARG002
            return torch.zeros(1, 2)  # zero is the best constant guess at noise

    (concept,) = learn_concepts(
        Centred(),
        {"spot": shots(1)},
        category="plate",
        settings=settings,
        seed=0,
        on_step=lambda done, most: seen.append((done, most)),
    )
    assert torch.equal(concept.tokens, torch.zeros(1, 2))
    assert concept.losses.index(min(concept.losses)) == 0
    # Two checks without improvement, three steps apart.
    assert seen == [(step, 60) for step in range(1, 7)]
    assert len(concept.losses) == 3


def test_learning_finds_the_best_constant():
    """From 3 the token must come to about zero, the mean of all noise."""
    (concept,) = learn(
        Silent(), {"spot": shots(1)}, steps=120, learning_rate=0.1, batch_size=16, tokens=1
    )
    assert abs(concept.tokens[0, 0].item()) < 0.4
    # The second entry is not looked at, so it has no gradient and stays.
    assert concept.tokens[0, 1].item() == 3.0
    assert concept.losses[-1] < 0.3 * concept.losses[0]


def test_starts(small_prior):
    for count in (1, 4, 6):
        (concept,) = learn(small_prior, {"spot": shots(1)}, tokens=count, steps=0)
        word = small_prior.word_tokens("defect")
        assert torch.equal(concept.tokens, torch.cat([word, word])[:count])
    (mean,) = learn(small_prior, {"spot": shots(1)}, init="mean", steps=0)
    table = torch.stack([small_prior.word_tokens(word) for word in small_prior.words()])
    torch.testing.assert_close(mean.tokens, table.mean(dim=0))
    (auto,) = learn(small_prior, {"spot": shots(1)}, init="auto", steps=0)
    assert auto.word in small_prior.words()
    assert auto.word != "normal"
    with pytest.raises(InputError, match="'unheard'"):
        learn(small_prior, init="unheard")
    with pytest.raises(InputError, match="needs a vocabulary"):
        learn(Silent(), init="mean")


@pytest.mark.parametrize("surroundings", ["blank", "normal"])
@pytest.mark.parametrize("mask_guided", [True, False])
def test_every_kind_of_learning_ends_with_finite_tokens(small_prior, surroundings, mask_guided):
    (concept,) = learn(
        small_prior,
        {"spot": shots(1)},
        surroundings=surroundings,
        mask_guided=mask_guided,
        steps=4,
        tokens=2,
    )
    assert concept.tokens.isfinite().all()
    assert all(np.isfinite(concept.losses))
