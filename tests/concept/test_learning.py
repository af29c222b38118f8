"""Learning of concepts: the loss by hand, and only tokens that change, for the better."""

import numpy as np
import pytest
import torch

from anogen.concept import learning
from anogen.concept.encoded_views import Views, encode_views, released_mask
from anogen.concept.learning import learn_concepts, masked_loss
from anogen.concept.settings import ConceptSettings
from anogen.concept.views import Shot
from anogen.errors import InputError
from anogen.seeds import seed_of

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
    device = torch.device("cpu")

    def encode(self, images):
        return torch.nn.functional.avg_pool2d(images, 4)

    def context(self, tokens):
        return tokens

    def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):  # noqa: ARG002
        return context[:, :1, :1, None].expand_as(latents)

    def words(self):
        return ()

    def mean_token(self):
        return torch.full((1, 2), 0.5)

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

    def loss(**values):
        chosen = ConceptSettings(**values)
        found = masked_loss(Silent(), views, rows, tokens, timestep, noise, settings=chosen)
        return found.tolist()

    # First: errors 0, 1, 4 weigh 1/4 and 1, 1, 1 weigh 1, over 1.25 times three channels. Second:
    # 4. Third: 1. Velocity: divided by the level, 0.5, 0.9, and 0.02 in the place of 0.01.
    first = (0.25 * 5 + 3) / (1.25 * 3)
    assert loss(weighting="noise") == pytest.approx([first, 4, 1], rel=1e-5)
    assert loss(weighting="velocity") == pytest.approx([first / 0.5, 4 / 0.9, 1 / 0.02], rel=1e-5)
    # Over all latents: the same sum, over four cells of three channels each.
    released = loss(weighting="noise", average_over="latents")
    assert released == pytest.approx([(0.25 * 5 + 3) / 12, 4, 1], rel=1e-5)
    everywhere = (5 + 3 + 3 * 99**2 + 3 * 1) / (4 * 3)
    for over in ("mask", "latents"):
        plain = loss(weighting="noise", average_over=over, mask_guided=False)
        assert plain == pytest.approx([everywhere, 4, 1], rel=1e-5)
    # A defect that the released code's rule missed teaches nothing, and spoils nothing.
    views.mask[0] = 0
    assert loss(weighting="noise") == pytest.approx([0, 4, 1], rel=1e-5)


def test_the_released_mask_by_hand():
    """From 8 to 2 cells a side, bilinear reading looks at pixels 1, 2 and 5, 6 of each side."""
    shape = torch.zeros(3, 1, 8, 8)
    shape[0, 0, 0] = 1.0  # a scratch that it misses
    shape[1, 0, 1, 2] = 0.01  # the faintest edge of the upper left cell counts in full
    shape[2, 0, 6] = 0.5
    expected = [[[0, 0], [0, 0]], [[1, 0], [0, 0]], [[0, 0], [1, 1]]]
    assert released_mask(shape, 2)[:, 0].tolist() == expected


def test_views_have_their_masks_by_the_rule_of_the_settings(small_prior):
    """The same views, 32 pixels to 4 cells: area has every cell that a pixel lies in."""
    area, released = (
        encode_views(small_prior, shots(2), SHORT.model_copy(update={"mask_rule": rule}), 0)
        for rule in ("area", "released")
    )
    assert torch.equal(area.latents, released.latents)
    assert torch.equal(area.region, released.region)
    assert set(released.mask.unique().tolist()) == {0.0, 1.0}
    assert (area.mask[released.mask == 1] > 0).all()
    assert ((area.mask > 0) & (area.mask < 1)).any()


def test_weight_decay_pulls_tokens_to_zero():
    """A first step of AdamW: the token shrinks by rate times decay, then moves by the rate."""
    one, two = (
        learn(
            Silent(), {"spot": shots(1)}, steps=1, tokens=1, learning_rate=0.1, weight_decay=decay
        )[0].tokens[0, 0]
        for decay in (0.0, 0.5)
    )
    # From 3 down to the mean of the noise: Adam's first step is the rate itself.
    assert one.item() == pytest.approx(3 - 0.1, rel=1e-4)
    assert two.item() == pytest.approx(3 * (1 - 0.1 * 0.5) - 0.1, rel=1e-4)


def learn(prior, support=SUPPORT, seed=1, settings=SHORT, **changes):
    chosen = ConceptSettings.model_validate(settings.model_dump() | changes)
    return learn_concepts(prior, support, category="plate", settings=chosen, seed=seed)


def test_the_region_is_a_box_or_the_mask(small_prior):
    box, mask = (
        encode_views(
            small_prior, shots(1), SHORT.model_copy(update={"region": region, "spatial": kind}), 0
        )
        for region, kind in (("box", "none"), ("mask", "light"))
    )
    assert torch.equal(mask.region, mask.mask)
    assert (box.region >= box.mask - 1e-6).all()
    assert (box.region > box.mask).any()
    # The encoder sees what the loss counts, at full size: the same defect, place by place.
    assert box.shape is None
    assert mask.shape.shape == (3, 1, 32, 32)
    shrunk = torch.nn.functional.avg_pool2d(mask.shape.float(), 8)
    torch.testing.assert_close(shrunk, mask.mask, atol=1e-3, rtol=0)


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
        assert torch.equal(concept.tokens[: len(word)], word[:count])
        again = concept.tokens[len(word) :] - word[: max(0, count - len(word))]
        assert (again.abs() < learning.APART * 5 * word.std()).all()
    (mean,) = learn(small_prior, {"spot": shots(1)}, init="mean", steps=0)
    table = torch.stack([small_prior.word_tokens(word) for word in small_prior.words()])
    torch.testing.assert_close(mean.tokens, table.mean(dim=0))
    (auto,) = learn(small_prior, {"spot": shots(1)}, init="auto", steps=0)
    assert auto.word in small_prior.words()
    assert auto.word != "normal"
    with pytest.raises(InputError, match="'unheard'"):
        learn(small_prior, init="unheard")
    (mean,) = learn(Silent(), {"spot": shots(1)}, init="mean", steps=0, tokens=2)
    assert mean.tokens.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert mean.word == "mean"


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


class Placed(Silent):
    """Predicts in each column of the latents what the last two tokens say about it."""

    image_size, latent_size = 16, 2

    def encode(self, images):
        return torch.nn.functional.avg_pool2d(images, 8)

    def predict_noise(self, latents, timestep, context, *, surroundings=None, region=None):  # noqa: ARG002
        return context[:, -2:, 0][:, None, None, :].expand_as(latents)


def test_the_encoder_learns_from_the_mask_with_all_tokens(small_prior):
    settings = SHORT.model_copy(
        update={"spatial": "light", "spatial_tokens": 2, "spatial_learning_rate": 0.003}
    )
    line, spot = learn_concepts(small_prior, SUPPORT, category="plate", settings=settings, seed=1)
    assert line.spatial is spot.spatial
    fresh = learn(small_prior, settings=settings, steps=0)[0]
    word = small_prior.word_tokens("defect")[:2]
    masks = torch.zeros(2, 1, 32, 32)
    masks[0, :, :10, :10] = 1
    masks[1, :, 20:, 5:] = 1
    assert torch.equal(fresh.context_tokens(masks)[:, 4:], word.expand(2, -1, -1))
    learned = spot.context_tokens(masks)[:, 4:]
    assert not torch.equal(learned[0], learned[1])
    assert not torch.equal(line.tokens, spot.tokens)
    for before, after in zip(fresh.spatial.parameters(), spot.spatial.parameters(), strict=True):
        assert not torch.equal(before, after)
        assert not after.requires_grad
    both = np.array([line.losses, spot.losses]).mean(axis=0)
    assert both.min() < both[0]


def test_the_encoder_of_all_defects_is_that_of_their_common_best(monkeypatch):
    """The mean over the defects decides, for tokens and encoder alike: 3, then 2.5, then 2.9."""
    answers = {
        ("line", 0): 4.0, ("spot", 0): 2.0,
        ("line", 1): 1.0, ("spot", 1): 4.0,
        ("line", 2): 5.0, ("spot", 2): 0.8,
    }  # fmt: skip
    kept = []

    def losses(_prior, owners, _views, _pairs, learner, _settings):
        turn = len(kept)
        kept.append(learner.kept(["line", "spot"]))
        return torch.tensor([answers[owner, turn] for owner in owners])

    monkeypatch.setattr("anogen.concept.learning._losses", losses)
    found = learn(
        Placed(), steps=2, check_every=1, spatial="light", spatial_tokens=2, tokens=1,
        init="mean", spatial_learning_rate=0.1,
    )  # fmt: skip
    for concept in found:
        tokens, spatial = kept[1]
        assert torch.equal(concept.tokens, tokens[concept.defect])
        for name, value in concept.spatial.state_dict().items():
            assert torch.equal(value, spatial[name])
    assert found[0].losses == (4.0, 1.0, 5.0)


def test_templates_while_learning_and_bare_tokens_when_checked():
    prompts = []

    class Reader(Silent):
        def context(self, tokens, prompts_given="*"):
            prompts.append(prompts_given)
            return tokens

    learn(Reader(), {"spot": shots(1)}, templates=True, steps=3, check_every=3, tokens=1)
    sentences = [given for given in prompts if given != "*"]
    assert [len(given) for given in sentences] == [4, 4, 4]
    assert all(text.count("*") == 1 for given in sentences for text in given)
    assert len({text for given in sentences for text in given}) > 6
    # 24 held-back pairs, eight at a time (twice a step's four), before and after.
    assert prompts.count("*") == 6


def test_checks_take_twice_a_step_and_no_more():
    sizes = []

    class Counting(Silent):
        def predict_noise(self, latents, timestep, context, **_):
            sizes.append((torch.is_grad_enabled(), len(latents)))
            return super().predict_noise(latents, timestep, context)

    learn(Counting(), {"spot": shots(1)}, steps=2, check_every=2, batch_size=5, tokens=1)
    assert sizes == [*[(False, n) for n in (10, 10, 4)], (True, 5), (True, 5), *sizes[5:]]
    assert sizes[5:] == sizes[:3]


def test_the_text_of_a_defect_is_read_once_a_batch():
    rows = []

    class Reader(Silent):
        def context(self, tokens):
            rows.append(len(tokens))
            return tokens

    learn(Reader(), steps=3, check_every=10, batch_size=8, tokens=1)
    # A check looks at 24 pairs of each defect, 16 at a time: the second 16 are of both.
    assert rows == [1, 2, 1, 2, 2, 2, 1, 2, 1]


def test_defects_share_what_checking_costs():
    """24 pairs for one, 12 for each of six, where 24 of each would be 144."""
    looked_at = []

    class Counting(Silent):
        def predict_noise(self, latents, timestep, context, **_):
            looked_at.append(len(latents))
            return super().predict_noise(latents, timestep, context)

    learn(Counting(), {"spot": shots(1)}, steps=0, tokens=1)
    assert sum(looked_at) == 24
    looked_at.clear()
    learn(Counting(), {f"spot-{n}": shots(1) for n in range(6)}, steps=0, tokens=1)
    assert sum(looked_at) == 72


def test_the_last_step_is_checked_whatever_the_interval():
    (concept,) = learn(Silent(), {"spot": shots(1)}, steps=7, check_every=100, tokens=1)
    assert len(concept.losses) == 2
    assert concept.tokens[0, 0].item() != 3.0


def test_previews_come_at_intervals_and_change(small_prior):
    pictures = []
    chosen = SHORT.model_copy(update={"preview_every": 5, "learning_rate": 0.5})
    learn_concepts(
        small_prior,
        SUPPORT,
        category="plate",
        settings=chosen,
        seed=1,
        on_preview=lambda *seen: pictures.append(seen),
    )
    assert [(defect, step) for defect, step, _ in pictures] == [
        ("line", 5), ("spot", 5), ("line", 10), ("spot", 10)
    ]  # fmt: skip
    size = small_prior.image_size
    for defect, _, picture in pictures:
        assert picture.dtype == np.uint8
        assert picture.shape == (2 * size, len(SUPPORT[defect]) * size, 3)
    early, late = pictures[1][2], pictures[3][2]
    np.testing.assert_array_equal(early[:size], late[:size])
    assert not np.array_equal(early[size:], late[size:])
    # Above are the defect's own views, one of each shot, whatever else is drawn in the batch.
    views = encode_views(small_prior, SUPPORT["spot"], chosen, seed_of(1, "plate", "spot"))
    own = small_prior.decode(views.latents[:: chosen.views])
    levels = ((torch.cat([*own], dim=2) + 1) * 127.5).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(late[:size], levels, atol=1)


@pytest.mark.parametrize("spatial", ["none", "light"])
def test_previews_change_nothing_of_what_is_learned(small_prior, spatial):
    """Asked for and shown, asked for with nobody looking, not asked for: the same bytes."""

    def learned(every, show):
        chosen = SHORT.model_copy(update={"preview_every": every, "spatial": spatial, "steps": 6})
        concepts = learn_concepts(
            small_prior, SUPPORT, category="plate", settings=chosen, seed=1, on_preview=show
        )
        tensors = [c.tokens for c in concepts]
        if concepts[0].spatial is not None:
            tensors += concepts[0].spatial.state_dict().values()
        return [tensor.numpy().tobytes() for tensor in tensors], [c.losses for c in concepts]

    seen = []
    shown = learned(2, lambda *picture: seen.append(picture))
    assert len(seen) == 6
    assert shown == learned(2, None) == learned(0, None)


def test_a_batch_may_be_of_each_defect(small_prior, monkeypatch):
    """With two defects, as many views of each at a time as there are of both in a mixed batch."""
    seen = []
    loss = learning.masked_loss

    def counted(prior, views, rows, *rest, **settings):
        if torch.is_grad_enabled():
            seen.append(sorted(rows.tolist()))
        return loss(prior, views, rows, *rest, **settings)

    monkeypatch.setattr(learning, "masked_loss", counted)
    support = {"spot": shots(2), "line": shots(2, seed=5)}
    for batch_of, batches in (("category", [4]), ("defect", [4, 4])):
        seen.clear()
        settings = ConceptSettings(
            steps=1, batch_size=4, batch_of=batch_of, views=2, init="defect", check_every=1
        )
        learn_concepts(small_prior, support, category="plate", settings=settings, seed=0)
        assert [len(rows) for rows in seen] == batches
        every = np.array([row for rows in seen for row in rows])
        # The views of the first defect come first.
        assert np.count_nonzero(every < 4) == len(every) / 2


def test_repeated_tokens_come_apart_where_tokens_have_no_order(small_prior):
    word = len(small_prior.word_tokens("defect"))
    settings = SHORT.model_copy(update={"tokens": 2 * word + 1})
    (concept,) = learn_concepts(
        small_prior, {"spot": shots(2)}, category="x", settings=settings, seed=1
    )
    apart = torch.pdist(concept.tokens)
    assert (apart > 1e-3).all()
    assert torch.equal(
        learning.fitted(small_prior, small_prior.word_tokens("defect"), word),
        small_prior.word_tokens("defect"),
    )


def test_the_last_timestep_is_the_last(small_prior):
    most = (torch.arange(16) + torch.tensor(1 - 2**-24)) / 16
    timesteps = learning.timesteps_at(most, small_prior)
    assert timesteps.max() == len(small_prior.alphas_cumprod) - 1
    assert timesteps.min() >= 0
