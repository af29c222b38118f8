"""Pretraining: exact to resume, deterministic, and every example means what it says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from anogen.prior.autoencoder import SurfaceAutoencoder
from anogen.prior.pretrain import latents as latents_module
from anogen.prior.pretrain import scenes as scenes_module
from anogen.prior.pretrain import train_autoencoder as autoencoder_module
from anogen.prior.pretrain import train_correction as correction_module
from anogen.prior.pretrain import train_denoiser as denoiser_module
from anogen.prior.pretrain import windows as windows_module
from anogen.prior.pretrain.checkpoint import TrainingState
from anogen.prior.pretrain.latents import LatentScenes, encode_scenes, read_latents, write_latents
from anogen.prior.pretrain.log import TrainingLog
from anogen.prior.pretrain.recipe import load_autoencoder, new_prior, pack
from anogen.prior.pretrain.scenes import Scenes, draw_box, make_shard, read_shard, write_shards
from anogen.prior.pretrain.train_autoencoder import reconstruction_loss, train_autoencoder
from anogen.prior.pretrain.train_correction import train_correction, with_correction
from anogen.prior.pretrain.train_denoiser import (
    cooling,
    denoising_loss,
    draw_examples,
    train_denoiser,
)
from anogen.prior.world.defects import WORDS

# ---- the training state


def tiny_network(layout=torch.contiguous_format):
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 2, 3))
    return network.to(memory_format=layout)  # type: ignore[call-overload]


def tiny_run(state, network, *, until):
    while state.done < until:
        batch = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(state.done))
        state.step(network(batch).square().mean(), rate=1 / (1 + state.done))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_resumed_training_has_the_bytes_of_an_unbroken_one(tmp_path, layout):
    network = tiny_network(layout)
    state = TrainingState({"net": network}, learning_rate=0.05, weight_decay=0.01)
    tiny_run(state, network, until=7)
    state.save(tmp_path / "unbroken")

    first = tiny_network(layout)
    broken = TrainingState({"net": first}, learning_rate=0.05, weight_decay=0.01)
    tiny_run(broken, first, until=3)
    broken.save(tmp_path / "state")
    second = tiny_network(layout)
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.zero_()
    resumed = TrainingState({"net": second}, learning_rate=0.05, weight_decay=0.01)
    resumed.load(tmp_path / "state")
    assert resumed.done == 3
    tiny_run(resumed, second, until=7)
    resumed.save(tmp_path / "resumed")
    assert (tmp_path / "resumed").read_bytes() == (tmp_path / "unbroken").read_bytes()


def test_the_first_step_and_its_average_by_hand():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 2.0)
    state = TrainingState({"net": network}, learning_rate=0.1, decay=0.9)
    state.step(3 * network.weight.sum(), rate=0.5)
    # Adam's first step is the learning rate, whatever the gradient.
    assert network.weight.item() == pytest.approx(2.0 - 0.05)
    # The young average: decay (1 + 1) / (10 + 1).
    decay = 2 / 11
    expected = decay * 2.0 + (1 - decay) * 1.95
    assert float(state.averaged("net")["weight"]) == pytest.approx(expected)


def test_logs_are_rewound_to_the_step_that_was_saved(tmp_path):
    path = tmp_path / "log.jsonl"
    log = TrainingLog(path, done=0)
    for step in (50, 100, 150):
        log.write({"step": step})
    log.close()
    with path.open("a") as file:
        file.write('{"step": 2')
    log = TrainingLog(path, done=100)
    log.write({"step": 150, "again": True})
    log.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"step": 50}, {"step": 100}, {"step": 150, "again": True}]


# ---- scenes


@pytest.fixture(scope="module")
def scenes():
    return make_shard(2, seed=5, size=64, photograph_folder=None, count=4)


def test_scenes_depend_on_seed_and_index_only(scenes):
    again = make_shard(2, seed=5, size=64, photograph_folder=None, count=4)
    for name in vars(scenes):
        np.testing.assert_array_equal(getattr(scenes, name), getattr(again, name))
    other = make_shard(3, seed=5, size=64, photograph_folder=None, count=4)
    assert (other.good != scenes.good).any()


def test_scenes_are_good_windows_with_a_defect_in_the_box(scenes):
    assert scenes.good.shape == scenes.image.shape == (4, 64, 64, 3)
    assert ((scenes.word >= 0) & (scenes.word < len(WORDS))).all()
    for row in range(4):
        x0, y0, x1, y1 = scenes.box[row]
        assert 0 <= x0 < x1 <= 64
        assert 0 <= y0 < y1 <= 64
        outside = np.ones((64, 64), bool)
        outside[y0:y1, x0:x1] = False
        assert not scenes.mask[row][outside].any()
        changed = (scenes.good[row] != scenes.image[row]).any(axis=2)
        assert scenes.mask[row].max() > 127
        assert changed[scenes.mask[row] > 127].any()


def test_boxes_of_scenes_seek_the_foreground():
    foreground = np.zeros((128, 128), bool)
    foreground[30:100, 40:110] = True
    rng = np.random.default_rng(0)
    boxes = [draw_box(foreground, rng) for _ in range(200)]
    shares = np.array([foreground[box.slices].mean() for box in boxes])
    assert np.mean(shares >= 0.6) > 0.8
    for box in boxes:
        assert min(box.width, box.height) >= 14
        assert max(box.width, box.height) <= 0.9 * 128


def test_shards_on_disk_are_written_once(tmp_path, monkeypatch):
    made = []

    def counted(index, *, seed, size, photograph_folder):
        made.append(index)
        return make_shard(index, seed=seed, size=size, photograph_folder=photograph_folder, count=1)

    monkeypatch.setattr(scenes_module, "make_shard", counted)
    assert list(write_shards(tmp_path, range(2), seed=5, size=64)) == [0, 1]
    assert list(write_shards(tmp_path, range(3), seed=5, size=64)) == [0, 1, 2]
    assert made == [0, 1, 2]
    expected = make_shard(1, seed=5, size=64, photograph_folder=None, count=1)
    np.testing.assert_array_equal(read_shard(tmp_path, 1).image, expected.image)


# ---- latents and the autoencoder


def flat_scenes(count=6, size=32):
    """Random windows with a box of whole latent cells and a mask of half a cell in it."""
    rng = np.random.default_rng(3)
    good = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    mask = np.zeros((count, size, size), np.uint8)
    mask[:, 8:12, 8:16] = 255
    image = np.where(mask[..., None] > 0, 255 - good, good)
    box = np.tile(np.array([8, 8, 24, 16], np.int16), (count, 1))
    return Scenes(good, image, mask, box, np.arange(count, dtype=np.int16) % len(WORDS))


def small_autoencoder():
    torch.manual_seed(0)
    return SurfaceAutoencoder(fine=8, coarse=8, full=4, depth=1)


def test_latents_of_scenes_by_hand(tmp_path, monkeypatch):
    model, pictures = small_autoencoder(), flat_scenes()
    encoded = encode_scenes(model, pictures)
    region = np.zeros((4, 4))
    region[1, 1:3] = 1
    mask = np.zeros((4, 4))
    mask[1, 1] = 0.5
    np.testing.assert_array_equal(encoded.box[:, 0], np.tile(region, (6, 1, 1)))
    np.testing.assert_array_equal(encoded.mask[:, 0], np.tile(mask, (6, 1, 1)))
    with torch.no_grad():
        one = model.encode(torch.from_numpy(pictures.image[2:3]).permute(0, 3, 1, 2) / 127.5 - 1)
    np.testing.assert_allclose(encoded.image[2:3], one, atol=0.02)
    monkeypatch.setattr(latents_module, "read_shard", lambda *_: pictures)
    for index in range(2):
        write_latents(tmp_path, index, model)
    joined = read_latents(tmp_path, 2)
    np.testing.assert_array_equal(joined.image, np.concatenate([encoded.image] * 2))
    np.testing.assert_array_equal(joined.word, np.tile(pictures.word, 2))


def test_the_autoencoder_has_the_shapes_and_normalisation_it_promises():
    model = small_autoencoder()
    images = torch.rand(2, 3, 40, 24) * 2 - 1
    with torch.no_grad():
        raw = model.encode(images)
        assert raw.shape == (2, 16, 5, 3)
        assert model.decode(raw).shape == images.shape
        before = model.decode(raw)
        model.mean.fill_(0.5)
        model.deviation.fill_(2.0)
        torch.testing.assert_close(model.encode(images), (raw - 0.5) / 2)
        torch.testing.assert_close(model.decode(model.encode(images)), before)


def test_the_reconstruction_loss_by_hand():
    target = torch.zeros(1, 1, 8, 8)
    assert float(reconstruction_loss(target, target)) == 0
    # A constant error has no differences: absolute plus squared error.
    assert float(reconstruction_loss(target + 0.5, target)) == pytest.approx(0.5 + 0.25)
    # Columns 0 1 1 0 0 1 1 0: absolute and squared error 0.5 each, steps across of 1 at four of
    # seven places, and equal means over two and four columns.
    bars = target.clone()
    bars[..., [1, 2, 5, 6]] = 1
    expected = 0.5 + 0.5 + 0.5 * 4 / 7
    assert float(reconstruction_loss(bars, target)) == pytest.approx(expected)


# ---- the denoiser's examples


def latent_scenes(count, side=4, channels=8):
    rng = np.random.default_rng(1)
    box = np.zeros((count, 1, side, side), np.float16)
    box[:, :, 1:3, 0:3] = 1
    mask = np.zeros_like(box)
    mask[:, :, 1, 1] = 0.25
    return LatentScenes(
        good=rng.normal(size=(count, channels, side, side)).astype(np.float16),
        image=rng.normal(size=(count, channels, side, side)).astype(np.float16),
        mask=mask,
        box=box,
        word=(np.arange(count) % 4).astype(np.int16),
    )


def test_every_example_means_what_its_word_says():
    count = 3000
    scenes = latent_scenes(count)
    picked = np.random.default_rng(2).permutation(count)
    examples = draw_examples(scenes, picked, np.random.default_rng(0), first_word=2)
    good = torch.from_numpy(scenes.good[picked]).float()
    image = torch.from_numpy(scenes.image[picked]).float()
    box = torch.from_numpy(scenes.box[picked]).float()
    mask = torch.from_numpy(scenes.mask[picked]).float()
    word = torch.from_numpy(scenes.word[picked].astype(np.int64)) + 2
    restores = (examples.target == good).flatten(1).all(1)
    draws = (examples.target == image).flatten(1).all(1)
    rows = examples.rows
    assert (restores ^ draws).all()
    assert restores.double().mean() == pytest.approx(denoiser_module.NORMAL_SHARE, abs=0.02)
    assert (rows[restores] <= 0).all()
    assert ((rows[draws] == -1) | (rows[draws] == 1) | (rows[draws] == word[draws])).all()
    assert (rows == -1).double().mean() == pytest.approx(0.1, abs=0.02)
    assert (rows[draws] == 1).double().mean() == pytest.approx(0.2 * 0.9, abs=0.025)
    by_box = (examples.region == box).flatten(1).all(1)
    by_mask = (examples.region == (mask > 0).float()).flatten(1).all(1)
    assert (by_box ^ by_mask).all()
    assert by_box[restores].all()
    assert by_mask[draws].double().mean() == pytest.approx(0.2, abs=0.025)
    blank = (examples.surroundings == good * (1 - examples.region)).flatten(1).all(1)
    whole = (examples.surroundings == good).flatten(1).all(1)
    assert (blank ^ whole).all()
    assert blank[restores].double().mean() == pytest.approx(0.85, abs=0.06)
    assert blank[draws].double().mean() == pytest.approx(denoiser_module.BLANK_SHARE, abs=0.03)
    # Outside 0.1, in the region 0.9 more, on the defect 2 times its share more.
    assert examples.weight[:, 0, 0, 3].unique().tolist() == pytest.approx([0.1])
    assert examples.weight[draws][:, 0, 1, 1].unique().tolist() == pytest.approx([1.5])
    assert examples.weight[restores][:, 0, 1, 1].unique().tolist() == pytest.approx([1.0])


def test_examples_depend_on_the_generator_only():
    scenes, picked = latent_scenes(20), np.arange(20)
    one, two, three = (
        draw_examples(scenes, picked, np.random.default_rng(seed), 2) for seed in (0, 0, 1)
    )
    assert torch.equal(one.rows, two.rows)
    assert torch.equal(one.surroundings, two.surroundings)
    assert not torch.equal(one.rows, three.rows)


def test_the_denoising_loss_of_a_network_that_says_nothing(small_prior, monkeypatch):
    examples = draw_examples(latent_scenes(5), np.arange(5), np.random.default_rng(0), 2)
    monkeypatch.setattr(
        type(small_prior), "predict_velocity", lambda _, latents, *__: torch.zeros_like(latents)
    )
    loss = denoising_loss(small_prior, examples, torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    timestep = torch.randint(0, 1000, (5,), generator=generator)
    noise = torch.randn(examples.target.shape, generator=generator).double()
    for row in range(5):
        level = float(small_prior.alphas_cumprod[timestep[row]])
        target = level**0.5 * noise[row] - (1 - level) ** 0.5 * examples.target[row].double()
        weight = examples.weight[row].double().expand_as(target)
        expected = float((target**2 * weight).sum() / weight.sum())
        assert float(loss[row]) == pytest.approx(expected, rel=1e-4)


def test_the_rate_cools_over_the_last_fifth():
    assert [cooling(step, 100) for step in (0, 80, 90, 99, 100)] == pytest.approx(
        [1, 1, 0.5, 0.05, 0.05]
    )


# ---- both trainings, killed and resumed


class Killed(Exception):
    pass


def kill_after(monkeypatch, module, saves):
    """Let a training write its state so often, and die before the next."""
    left = [saves]

    class Mortal(TrainingState):
        def step(self, loss, *, rate):
            if left[0] == 0 and self.done % 5 == 3:
                raise Killed
            super().step(loss, rate=rate)

        def save(self, path):
            super().save(path)
            left[0] -= 1

    monkeypatch.setattr(module, "TrainingState", Mortal)
    return left


def steps_of(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


@pytest.fixture
def often(monkeypatch):
    """Small batches, a log line every 2 steps, a state every 5."""
    monkeypatch.setattr(denoiser_module, "BATCH", 2)
    for module in (denoiser_module, autoencoder_module, correction_module):
        monkeypatch.setattr(module, "LOG_EVERY", 2)
        monkeypatch.setattr(module, "SAVE_EVERY", 5)
    return monkeypatch


def test_a_killed_denoiser_training_resumes_as_if_it_had_not_been(tmp_path, small_prior, often):
    config = small_prior.config
    scenes = latent_scenes(8)
    results = []
    for broken in (False, True):
        folder = tmp_path / str(broken)
        folder.mkdir()
        if broken:
            with often.context() as patch, pytest.raises(Killed):
                kill_after(patch, denoiser_module, 1)
                prior = new_prior(small_prior.autoencoder, seed=1, config=config)
                train_denoiser(folder, prior, scenes, steps=11, seed=3)
            assert steps_of(folder / "denoiser.jsonl") == [2, 4, 6, 8]
        prior = new_prior(small_prior.autoencoder, seed=1, config=config)
        state = train_denoiser(folder, prior, scenes, steps=11, seed=3)
        assert state.done == 11
        assert steps_of(folder / "denoiser.jsonl") == [2, 4, 6, 8, 10]
        results.append(((folder / "denoiser-state.safetensors").read_bytes(), pack(prior)))
    assert results[0] == results[1]


def test_a_killed_autoencoder_training_resumes_as_if_it_had_not_been(tmp_path, often):
    pictures = flat_scenes(count=32)
    windows = torch.from_numpy(np.concatenate([pictures.good, pictures.image]))
    often.setattr(autoencoder_module, "SurfaceAutoencoder", small_autoencoder)
    for module in (windows_module, autoencoder_module):
        often.setattr(
            module,
            "windows_of",
            lambda _, index: windows.permute(0, 3, 1, 2).roll(index, dims=2),
        )
    results = []
    for broken in (False, True):
        folder = tmp_path / str(broken)
        folder.mkdir()
        if broken:
            with often.context() as patch, pytest.raises(Killed):
                kill_after(patch, autoencoder_module, 1)
                train_autoencoder(folder, shards=2, steps=35, seed=3)
            assert steps_of(folder / "autoencoder.jsonl") == [2, 4, 6, 8]
        train_autoencoder(folder, shards=2, steps=35, seed=3)
        assert steps_of(folder / "autoencoder.jsonl") == list(range(2, 35, 2))
        results.append((folder / "autoencoder.safetensors").read_bytes())
    assert results[0] == results[1]
    model = load_autoencoder(tmp_path / "True" / "autoencoder.safetensors")
    with torch.no_grad():
        latents = model.encode(windows[::4].permute(0, 3, 1, 2) / 127.5 - 1)
    # Normalised over the windows of both shards, a shift of one row apart.
    assert latents.mean(dim=(0, 2, 3)).abs().max() < 0.3
    assert (latents.std(dim=(0, 2, 3)) - 1).abs().max() < 0.3


def test_a_fresh_correction_changes_nothing():
    model = small_autoencoder()
    grown = with_correction(model, width=6, seed=0)
    assert grown.config == model.config | {"correction": 6}
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(grown.encode(images), model.encode(images), atol=1e-6)
    trained = [name for name, p in grown.named_parameters() if p.requires_grad]
    assert trained
    assert all(name.startswith("correction.") for name in trained)


def test_a_correction_by_hand():
    """One that adds the error's first pixel of a cell to the first channel of its latents."""
    model = with_correction(small_autoencoder(), width=4, seed=0)
    with torch.no_grad():
        model.correction.direct.weight[0, 0, 1, 1] = 1.0
        images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
        guess = model.guess(images)
        error = images - model.decode(guess).clamp(-1, 1)
        change = model.encode(images) - guess
    torch.testing.assert_close(change[:, 0], 4 * error[:, 0, ::8, ::8])
    assert not change[:, 1:].any()


def test_a_visit_shows_each_window_of_its_shard_once(often):
    shards = torch.arange(20, dtype=torch.uint8).view(2, 10, 1, 1, 1)
    often.setattr(windows_module, "windows_of", lambda _, index: shards[index])
    batches = windows_module.WindowBatches(Path(), shards=2, visit=4, seed=0, name="any")
    seen = [((batches(step) + 1) * 127.5).round().flatten().tolist() for step in range(12)]
    assert [len(batch) for batch in seen[:4]] == [3, 3, 2, 2]
    for visit, first in ((0, 0), (1, 10), (2, 0)):
        shown = [window for batch in seen[4 * visit : 4 * visit + 4] for window in batch]
        assert sorted(shown) == list(range(first, first + 10))
    assert seen[:4] != seen[8:]
    assert ((batches(1) + 1) * 127.5).round().flatten().tolist() == seen[1]


def test_a_killed_training_of_the_correction_resumes_and_decodes_better(tmp_path, often):
    often.setattr(correction_module, "WIDTH", 8)
    noise = np.random.default_rng(0).integers(0, 256, (64, 3, 32, 32), dtype=np.uint8)
    windows = torch.from_numpy(noise)
    often.setattr(windows_module, "windows_of", lambda _, index: windows.roll(index, dims=2))
    often.setattr(correction_module, "STEPS_PER_VISIT", 4)
    results = []
    for broken in (False, True):
        folder = tmp_path / str(broken)
        folder.mkdir()
        if broken:
            with often.context() as patch, pytest.raises(Killed):
                kill_after(patch, correction_module, 1)
                train_correction(folder, small_autoencoder(), shards=2, steps=60, seed=3)
        train_correction(folder, small_autoencoder(), shards=2, steps=60, seed=3)
        assert steps_of(folder / "correction.jsonl") == list(range(2, 61, 2))
        results.append((folder / "corrected.safetensors").read_bytes())
    assert results[0] == results[1]
    model = load_autoencoder(tmp_path / "True" / "corrected.safetensors")
    images = windows.float() / 127.5 - 1

    def error(latents):
        return float((model.decode(latents) - images).square().mean())

    with torch.no_grad():
        assert error(model.encode(images)) < 0.99 * error(model.guess(images))
