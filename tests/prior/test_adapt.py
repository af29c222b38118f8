"""Fitting a prior to a product: the factors by hand, exact to resume, bound to their base."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from anogen.data.dataset import read_dataset
from anogen.errors import InputError
from anogen.prior.adaptation import fit as fit_module
from anogen.prior.adaptation.adapt import adapt
from anogen.prior.adaptation.adapted import is_adapted, load_adapted, save_factors
from anogen.prior.adaptation.low_rank import LowRank, attach, merge
from anogen.prior.adaptation.scenes import product_scenes
from anogen.prior.adaptation.settings import AdaptSettings
from anogen.prior.loading import load_prior

SHORT = AdaptSettings(steps=7, rank=2, batch_size=4, windows=12, images=3, learning_rate=0.01)
WORDS = ("normal", "defect", "scratch", "hole", "stain")

# ---- scenes


def parts(count=2, size=90):
    """Bright discs of different brightness on a dark ground."""
    y, x = np.mgrid[:size, :size]
    disc = (y - size / 2) ** 2 + (x - size / 2) ** 2 < (size / 3) ** 2
    shades = [150 + 40 * number for number in range(count)]
    return [np.repeat(np.where(disc, s, 10)[..., None], 3, 2).astype(np.uint8) for s in shades]


def scenes(**changes):
    wanted = {"words": WORDS, "size": 32, "count": 6, "zoom": 2.0, "seed": 3} | changes
    return product_scenes(parts(), **wanted)


def test_scenes_show_the_product_with_each_word_in_turn():
    made = scenes()
    assert made.good.shape == made.image.shape == (6, 32, 32, 3)
    assert made.word.tolist() == [0, 1, 2, 0, 1, 2]
    for row in range(6):
        # Nothing but the disc's brightness, the ground's, and what scaling puts between them.
        shades = np.median(made.good[row][made.good[row] > 100])
        assert shades in (150, 190)
        x0, y0, x1, y1 = made.box[row]
        outside = np.ones((32, 32), bool)
        outside[y0:y1, x0:x1] = False
        assert (made.good[row][outside] == made.image[row][outside]).all()
        assert not made.mask[row][outside].any()
        assert made.mask[row].max() > 127
        assert (made.good[row] != made.image[row]).any()


def test_scenes_depend_on_the_seed_and_their_number_only():
    few, many, other = scenes(), scenes(count=9), scenes(seed=4)
    for name, values in vars(few).items():
        np.testing.assert_array_equal(values, getattr(many, name)[:6])
    assert (few.good != other.good).any()


def test_an_image_smaller_than_the_prior_is_blown_up():
    assert product_scenes(
        parts(size=20), words=WORDS, size=32, count=1, zoom=2.0, seed=0
    ).good.shape == (1, 32, 32, 3)


# ---- factors


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.line = nn.Linear(4, 5)
        self.thin = nn.Linear(5, 2)

    def forward(self, x):
        return self.thin(self.line(self.conv(x).mean(dim=(2, 3))))


def test_a_factor_by_hand():
    factor = LowRank(torch.Size([2, 3]), rank=1, generator=torch.Generator())
    weight = torch.arange(6.0).view(2, 3)
    assert torch.equal(factor(weight), weight)
    with torch.no_grad():
        factor.up.copy_(torch.tensor([[1.0], [-2.0]]))
        factor.down.copy_(torch.tensor([[1.0, 0.0, 3.0]]))
    expected = torch.tensor([[1.0, 1.0, 5.0], [1.0, 4.0, -1.0]])
    assert torch.equal(factor(weight), expected)


def test_only_factors_learn_and_merging_them_changes_no_output():
    torch.manual_seed(0)
    net, plain, x = Net(), Net(), torch.randn(2, 3, 6, 6)
    plain.load_state_dict(net.state_dict())
    before = net(x)
    factors = attach(net, rank=2, seed=1)
    assert set(factors) == {"conv", "line"}  # the other layer's smaller side is not above the rank
    assert torch.equal(net(x), before)
    with torch.no_grad():
        for factor in factors.values():
            factor.up.normal_()
    net(x).sum().backward()
    learns = {id(p) for p in net.parameters() if p.grad is not None}
    assert learns == {id(p) for factor in factors.values() for p in factor.parameters()}
    named = {f"{n}.{k}": v for n, f in factors.items() for k, v in f.state_dict().items()}
    merge(plain, named)
    torch.testing.assert_close(plain(x), net(x))
    assert (plain(x) - before).abs().max() > 0.01


# ---- the whole


@pytest.fixture(scope="module")
def goods(small_dataset):
    (category,) = read_dataset(small_dataset)
    return category.train


@pytest.fixture(scope="module")
def adapted(small_prior, goods, tmp_path_factory):
    path = tmp_path_factory.mktemp("adapted") / "plate.safetensors"
    return adapt(small_prior, goods, path, settings=SHORT, seed=5), path


def test_an_adapted_prior_is_another_prior_of_the_same_base(small_prior, goods, adapted):
    prior, path = adapted
    assert is_adapted(prior)
    assert not is_adapted(small_prior)
    assert prior.fingerprint != small_prior.fingerprint
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no checkpoint is left
    again = load_adapted(path, small_prior)
    assert again.fingerprint == prior.fingerprint
    factors = load_file(path)
    changed = {name.rpartition(".")[0] for name in factors}
    for name, value in prior.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        old = small_prior.state_dict()[name]
        layer = name.removeprefix("denoiser.").removesuffix(".weight")
        assert torch.equal(value, old) == (layer not in changed), name
    assert not any(p.requires_grad for p in prior.parameters())
    assert not prior.training
    with pytest.raises(InputError, match="already"):
        adapt(prior, goods, path.with_name("twice.safetensors"), settings=SHORT, seed=5)


def test_it_is_not_made_twice_nor_of_something_else(small_prior, goods, adapted):
    prior, path = adapted
    before = path.read_bytes()

    def must_not_train(*_):
        raise AssertionError

    same = adapt(small_prior, goods, path, settings=SHORT, seed=5, on_step=must_not_train)
    assert same.fingerprint == prior.fingerprint
    for settings, images, seed in (
        (SHORT.model_copy(update={"steps": 8}), goods, 5),
        (SHORT, goods[:2], 5),
        (SHORT, goods, 6),
    ):
        with pytest.raises(InputError, match="fitted to other images"):
            adapt(small_prior, images, path, settings=settings, seed=seed)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="no good images"):
        adapt(small_prior, (), path, settings=SHORT, seed=5)


def test_a_killed_fitting_ends_with_the_bytes_of_an_unbroken_one(
    small_prior, goods, adapted, tmp_path, monkeypatch
):
    monkeypatch.setattr(fit_module, "SAVE_EVERY", 2)
    path, steps = tmp_path / "plate.safetensors", []

    def kill(done, _):
        steps.append(done)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(small_prior, goods, path, settings=SHORT, seed=5, on_step=kill)
    assert not path.exists()
    adapt(small_prior, goods, path, settings=SHORT, seed=5, on_step=lambda n, _: steps.append(n))
    assert steps == [1, 2, 3, 4, 5, 5, 6, 7]  # from the checkpoint of step 4
    assert path.read_bytes() == adapted[1].read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_fitting_lowers_the_loss_on_the_product(small_prior, goods, tmp_path):
    """Of images that it did not see; its random weights have much to learn."""
    from anogen.prior.adaptation.adapt import scenes_of
    from anogen.prior.pretrain.train_denoiser import denoising_loss, draw_examples

    settings = SHORT.model_copy(update={"steps": 20, "batch_size": 8, "learning_rate": 0.02})
    prior = adapt(small_prior, goods[:4], tmp_path / "a.safetensors", settings=settings, seed=1)
    unseen = scenes_of(small_prior, goods[4:], settings=SHORT, seed=9)

    def loss(one):
        rows, rng = np.arange(12), np.random.default_rng(0)
        examples = draw_examples(unseen, rows, rng, 2, normal_share=0.5)
        with torch.no_grad():
            return denoising_loss(one, examples, torch.Generator().manual_seed(0)).mean().item()

    assert loss(prior) < 0.9 * loss(small_prior)


# ---- files


def test_loading_by_path_wants_the_base_of_the_package(adapted):
    with pytest.raises(InputError, match=r"fitted from the prior .* but the one here is"):
        load_prior(str(adapted[1]))


def test_loading_by_path(adapted, small_prior_file, monkeypatch):
    monkeypatch.setattr("anogen.prior.embedded.WEIGHTS", small_prior_file)
    assert load_prior(str(adapted[1])).fingerprint == adapted[0].fingerprint


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"adaptation": "no JSON"},
        {"adaptation": json.dumps({"base": 3, "source": {}})},
        {"adaptation": json.dumps({"source": {}})},
        {"adaptation": "[]"},
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, small_prior, header):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(1)}, path, header)
    with pytest.raises(InputError, match="no adapted prior"):
        load_adapted(path, small_prior)


@pytest.mark.parametrize(
    "factors",
    [
        {"nowhere.up": torch.zeros(4, 1), "nowhere.down": torch.zeros(1, 4)},
        {"conv_in.up": torch.zeros(4, 1), "conv_in.down": torch.zeros(1, 4)},
        {"conv_in.up": torch.zeros(4, 1)},
    ],
)
def test_factors_that_do_not_fit_are_refused(tmp_path, small_prior, factors):
    path = tmp_path / "x.safetensors"
    save_factors(path, factors, base=small_prior.fingerprint, source={})
    with pytest.raises(InputError, match="do not fit"):
        load_adapted(path, small_prior)
    with pytest.raises(InputError, match="fitted from the prior other"):
        save_factors(path, factors, base="other", source={})
        load_adapted(path, small_prior)
    path.write_bytes(b"no safetensors")
    with pytest.raises(InputError, match="damaged"):
        load_adapted(path, small_prior)
    with pytest.raises(InputError, match="no such file"):
        load_adapted(tmp_path / "none.safetensors", small_prior)
