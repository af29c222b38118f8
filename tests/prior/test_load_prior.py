"""Whatever a user may write after --prior; and the contract that every prior keeps."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import small_models
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from anogen.concept.learning import learn_concepts
from anogen.concept.settings import ConceptSettings
from anogen.concept.views import Shot
from anogen.errors import InputError
from anogen.prior import text_encoding
from anogen.prior.adaptation import adapted
from anogen.prior.adaptation.adapted import save_factors
from anogen.prior.adaptation.low_rank import attach
from anogen.prior.embedded import load_embedded
from anogen.prior.loading import PRIORS, is_here, kind_of, load_prior
from anogen.prior.sampling import SamplerSettings, blended_sampling

KINDS = {
    "embedded": "embedded",
    "adapted": "adapted",
    "folder": "stable-diffusion",
    "inpainting": "stable-diffusion",
    "single file": "stable-diffusion-file",
    "ldm": "ldm-text2img",
}
"""What is given to ``--prior``, and the member of the registry that loads it."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, small_prior_file: Path) -> dict[str, Path]:
    """A path of each kind."""
    root = tmp_path_factory.mktemp("models")
    pipeline = small_models.stable_diffusion(root / "sd")
    small_models.single_file(pipeline, root / "sd" / "one.safetensors")
    small_models.stable_diffusion(root / "inpainting", in_channels=9)
    small_models.ldm_text2img(root / "ldm")
    small = load_embedded(small_prior_file)
    factors = attach(copy.deepcopy(small).denoiser, rank=1, seed=0)
    save_factors(
        root / "adapted.safetensors",
        {f"{n}.{k}": t + 0.1 for n, f in factors.items() for k, t in f.state_dict().items()},
        base=small.fingerprint,
        source={},
    )
    return {
        "embedded": small_prior_file,
        "adapted": root / "adapted.safetensors",
        "folder": root / "sd",
        "inpainting": root / "inpainting",
        "single file": root / "sd" / "one.safetensors",
        "ldm": root / "ldm",
    }


def load(models: dict[str, Path], kind: str) -> Any:
    size = 32 if kind == "single file" else None
    with pytest.MonkeyPatch.context() as patch:
        # What is fitted is the prior of the package; here a small one stands in its place.
        patch.setattr(adapted, "load_embedded", lambda: load_embedded(models["embedded"]))
        return load_prior(str(models[kind]), device="cpu", image_size=size)


def test_no_kind_is_left_out() -> None:
    assert set(KINDS.values()) == set(PRIORS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_prior_learns_and_draws(models: dict[str, Path], kind: str) -> None:
    prior = load(models, kind)
    assert prior.image_size == 32
    assert not any(parameter.requires_grad for parameter in prior.parameters())
    assert not any(module.training for module in prior.modules())
    rng = np.random.default_rng(0)
    mask = np.zeros((48, 48), bool)
    mask[20:30, 18:26] = True
    image = rng.integers(90, 160, (48, 48, 3)).astype(np.uint8)
    image[mask] = 20
    shots = {"spot": [Shot("000", "0" * 64, image, mask)]}
    settings = ConceptSettings(
        tokens=2, init="defect", steps=1, views=1, batch_size=2, check_every=1
    )
    (concept,) = learn_concepts(prior, shots, category="plate", settings=settings, seed=3)
    assert concept.prior == prior.fingerprint
    assert concept.tokens.shape == (2, prior.token_dim)
    assert len(concept.losses) == 2
    plain = concept.tokens
    spatial = settings.model_copy(
        update={"spatial": "light", "templates": True, "init": "mean", "spatial_tokens": 3}
    )
    (concept,) = learn_concepts(prior, shots, category="plate", settings=spatial, seed=3)
    assert concept.context_tokens(torch.ones(4, 1, 32, 32)).shape == (4, 5, prior.token_dim)
    assert not torch.equal(concept.tokens, plain)
    assert np.isfinite(concept.losses).all()

    cells, channels = prior.latent_size, prior.latent_channels
    normal = prior.encode(torch.rand((2, 3, 32, 32)) * 2 - 1)
    assert normal.shape == (2, channels, cells, cells)
    region = torch.zeros(2, 1, cells, cells)
    region[:, :, 1:3, 1:3] = 1
    drawn = blended_sampling(
        prior,
        normal=normal,
        region=region,
        context=prior.context(concept.tokens[None]).expand(2, -1, -1),
        surroundings=normal * (1 - region) if prior.inpainting else None,
        noise=torch.randn(normal.shape, generator=torch.Generator().manual_seed(1)),
        settings=SamplerSettings(steps=3, guidance=2.0),
    )
    outside = region.expand_as(normal) == 0
    assert torch.equal(drawn[outside], normal[outside])
    assert (drawn[~outside] != normal[~outside]).all()
    pictures = prior.decode(drawn)
    assert pictures.shape == (2, 3, 32, 32)
    assert pictures.abs().max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_matter_where_there_is_a_text_encoder(models: dict[str, Path], kind: str) -> None:
    prior = load(models, kind)
    mean = prior.mean_token()
    assert mean.shape[1] == prior.token_dim
    table = prior.vocabulary.table if kind in ("embedded", "adapted") else prior.text.table
    torch.testing.assert_close(
        mean.mean(dim=0), table.reshape(-1, prior.token_dim).mean(dim=0), rtol=1e-4, atol=1e-6
    )
    tokens = mean.expand(2, -1, -1)
    with torch.no_grad():
        bare, both = prior.context(tokens), prior.context(tokens, ["*", "a photo of a *"])
    torch.testing.assert_close(both[0], bare[0])
    assert torch.equal(both[1], bare[1]) == (kind in ("embedded", "adapted"))


@pytest.mark.parametrize("name", ["model.ckpt", "weights.pt", "some/where.PTH"])
def test_pickled_checkpoints_are_refused_with_the_way_to_convert_them(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_prior(name)
    message = str(caught.value)
    assert message.startswith(f"{name}: pickled weights can run any code and are never read")
    file = name.rpartition("/")[2]
    assert f"StableDiffusionPipeline.from_single_file('{file}').save_pretrained(FOLDER)" in message
    # AnoGen's released code names its checkpoint model.ckpt, which that line cannot convert.
    assert message.endswith("give --prior CompVis/ldm-text2im-large-256.")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "sd/unet/diffusion_pytorch_model.bin"])
def test_a_pickled_part_is_converted_with_its_model(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_prior(name)
    message = str(caught.value)
    assert "from_single_file" not in message
    assert (
        "DiffusionPipeline.from_pretrained(ID_OR_FOLDER, use_safetensors=False)"
        ".save_pretrained(FOLDER)" in message
    )


@pytest.mark.parametrize("kind", ["folder", "ldm"])
def test_pickled_folders_are_refused_by_the_name_they_were_given(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models[kind], folder, ignore=shutil.ignore_patterns("one.safetensors"))
    for path in folder.glob("*/*.safetensors"):
        path.rename(path.with_suffix(".bin"))

    def way(source: str) -> str:
        return (
            f"DiffusionPipeline.from_pretrained('{source}', use_safetensors=False)"
            ".save_pretrained(FOLDER), and give that folder."
        )

    with pytest.raises(InputError) as caught:
        load_prior(str(folder))
    assert str(caught.value).endswith(way(str(folder)))
    # The same from the hub's cache, where the user has no business: by its id.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    cached = tmp_path / "cache" / "models--owner--tiny-model"
    commit = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(folder, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    with pytest.raises(InputError) as caught:
        load_prior("owner/tiny-model")
    message = str(caught.value)
    assert message.startswith(
        "the cache has only a part of the hub's owner/tiny-model: "
        "unet/diffusion_pytorch_model.safetensors is missing, and HF_HUB_OFFLINE is set"
    )
    assert message.endswith(way("owner/tiny-model"))
    assert str(tmp_path) not in message


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_told_without_loading(models: dict[str, Path], kind: str) -> None:
    assert kind_of(str(models[kind])) == KINDS[kind]
    assert kind_of("embedded") == "embedded"


def test_nothing_is_fetched_to_tell_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("owner/tiny-model", "gone.safetensors", "no such place"):
        assert kind_of(name) is None


def test_a_pickle_named_safetensors_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match="not a readable"):
        load_prior(str(path))


def test_unknown_names_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown prior 'embeded'"):
        load_prior("embeded")
    with pytest.raises(InputError, match="unknown prior '/no/such/folder'"):
        load_prior("/no/such/folder")
    with pytest.raises(InputError, match="no such file"):
        load_prior(str(tmp_path / "gone.safetensors"))
    with pytest.raises(InputError, match="no model that anogen knows"):
        load_prior(str(tmp_path))
    save_file({"lora.down": torch.zeros(2)}, tmp_path / "lora.safetensors")
    with pytest.raises(InputError, match="neither an embedded prior"):
        load_prior(str(tmp_path / "lora.safetensors"))


def test_offline_keeps_to_the_cache(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError) as caught:
        load_prior("owner/tiny-model")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("owner/tiny-model", str(tmp_path), "HF_HUB_OFFLINE is set", "path/to/folder"):
        assert part in message
    assert not is_here("owner/tiny-model")
    # The layout of the hub's cache.
    cached = tmp_path / "models--owner--tiny-model"
    commit = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(models["folder"], cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    assert load_prior("owner/tiny-model").fingerprint == load(models, "folder").fingerprint
    assert is_here("owner/tiny-model")
    # A fetch that was broken off.
    (cached / "snapshots" / commit / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert not is_here("owner/tiny-model")


def test_another_size_is_for_large_priors(models: dict[str, Path]) -> None:
    large = load_prior(str(models["folder"]), device="cpu", image_size=64)
    assert (large.image_size, large.latent_size) == (64, 2 * load(models, "folder").latent_size)
    name = str(models["embedded"])
    assert load_prior(name, image_size=32).image_size == 32
    with pytest.raises(InputError, match=r"prior_image_size 64: .* 32 pixels only"):
        load_prior(name, image_size=64)


def test_a_failing_network_gives_one_sentence_after_one_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def broken(name: str, **_: Any) -> str:
        tries.append(name)
        raise OSError("cannot resolve host\nsecond line")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    with pytest.raises(InputError) as caught:
        load_prior("owner/tiny-model")
    message = str(caught.value)
    assert tries == ["owner/tiny-model"]
    assert "\n" not in message
    for part in (f"{constants.ENDPOINT}/owner/tiny-model", str(tmp_path), "cannot resolve host"):
        assert part in message


def test_a_single_file_without_a_tokenizer_says_where_to_put_one(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    shutil.copy(models["single file"], tmp_path)
    with pytest.raises(InputError) as caught:
        load_prior(str(tmp_path / "one.safetensors"))
    assert f"put its vocab.json and merges.txt into {tmp_path / 'tokenizer'}" in str(caught.value)
    small_models.write_clip_tokenizer(tmp_path / "tokenizer")
    prior = load_prior(str(tmp_path / "one.safetensors"))
    assert prior.fingerprint == load(models, "folder").fingerprint


@pytest.mark.parametrize("kind", ["folder", "single file", "ldm"])
def test_without_transformers_the_extra_is_named(
    models: dict[str, Path], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing: Callable[[str], None] = lambda name: None  # noqa: E731, ARG005
    monkeypatch.setattr(text_encoding, "find_spec", missing)
    with pytest.raises(InputError, match=r"anogen\[text\]"):
        load_prior(str(models[kind]))
