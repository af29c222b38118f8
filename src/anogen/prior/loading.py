"""From what a user writes after ``--prior`` to a loaded prior."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from anogen.errors import InputError
from anogen.prior.contract import LatentDiffusion
from anogen.prior.hub import cached, fetch, is_hub_id, offline
from anogen.prior.pickled import ENDINGS, conversion, refusal
from anogen.registry import Registry

HUB_FILES = (
    "model_index.json",
    "*/config.json",
    "scheduler/*.json",
    "tokenizer/*.json",
    "tokenizer/*.txt",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "vqvae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
    "bert/model.safetensors",
)
"""What is fetched of a hub repository: the full-precision safetensors of each part, once."""

_WEIGHTS = (
    ("unet/diffusion_pytorch_model.safetensors",),
    ("vae/diffusion_pytorch_model.safetensors", "vqvae/diffusion_pytorch_model.safetensors"),
    ("text_encoder/model.safetensors", "bert/model.safetensors"),
)
"""Of each part of a model, the files of which one holds its weights."""

PRIORS: Registry[LatentDiffusion] = Registry(
    "kind of prior",
    {
        "embedded": "anogen.prior.embedded:load_embedded",
        "adapted": "anogen.prior.adaptation.adapted:load_adapted",
        "stable-diffusion": "anogen.prior.stable_diffusion:load_stable_diffusion",
        "stable-diffusion-file": "anogen.prior.stable_diffusion:load_stable_diffusion_file",
        "ldm-text2img": "anogen.prior.ldm_text2img:load_ldm_text2img",
    },
)
"""How each kind is loaded from a path."""


def load_prior(
    name: str, *, device: str | None = None, image_size: int | None = None
) -> LatentDiffusion:
    """Load a prior, frozen.

    Args:
        name: ``embedded``; a ``.safetensors`` file (embedded kind, adapted, or Stable Diffusion
            1.x); a diffusers folder (Stable Diffusion 1.x, its inpainting variant, or LDM
            text2img); or the hub id of such a folder.
        device: where the networks of a large prior live; a GPU if there is one. The embedded
            prior stays on the CPU.
        image_size: side of a large prior's images; its own by default, which is all that a prior of
            the embedded kind has.

    Raises:
        InputError: if nothing is found under this name, it cannot be read, or it has no images of
            that size.
    """
    if name == "embedded":
        return _of_its_size(PRIORS[name](), name, image_size)
    path = Path(name).expanduser()
    if path.suffix.lower() in ENDINGS:
        raise InputError(refusal(path))
    kind, path = _kind_of_file(path) if path.suffix == ".safetensors" else _kind_of(name, path)
    if kind in ("embedded", "adapted"):
        return _of_its_size(PRIORS[kind](path), name, image_size)
    return PRIORS[kind](path, image_size=image_size, device=_device(device))


def is_here(name: str) -> bool:
    """Whether there is something to load under a prior's name without fetching it first."""
    if name == "embedded" or Path(name).expanduser().exists():
        return True
    folder = cached(name, HUB_FILES) if is_hub_id(name) else None
    # A fetch that was broken off leaves some of the files.
    return folder is not None and all(
        any((folder / part).is_file() for part in parts) for parts in _WEIGHTS
    )


def kind_of(name: str) -> str | None:
    """Which of :data:`PRIORS` a name stands for; None if that is not here to be looked at.

    Raises:
        InputError: if what is there is no prior.
    """
    if name == "embedded":
        return name
    path = Path(name).expanduser()
    if path.suffix == ".safetensors":
        return _kind_of_file(path)[0] if path.is_file() else None
    folder = path if path.is_dir() else cached(name, HUB_FILES) if is_hub_id(name) else None
    return None if folder is None else _kind_of_folder(folder)


def _of_its_size(prior: LatentDiffusion, name: str, image_size: int | None) -> LatentDiffusion:
    """Refuse another size than the one that a prior of the embedded kind knows."""
    if image_size not in (None, prior.image_size):
        raise InputError(
            f"prior_image_size {image_size}: the prior {name} draws images of {prior.image_size} "
            "pixels only; leave it out, or give another prior (--prior)."
        )
    return prior


def _kind_of(name: str, path: Path) -> tuple[str, Path]:
    """Kind and path of a folder, fetched first if it is on the hub."""
    if not path.is_dir():
        if not is_hub_id(name):
            raise InputError(
                f"unknown prior {name!r}; give 'embedded', a diffusers folder, a .safetensors "
                "file, or a hub id such as stable-diffusion-v1-5/stable-diffusion-v1-5."
            )
        path = fetch(
            name,
            HUB_FILES,
            what=f"the prior {name!r} (no folder of this name is here)",
            instead="fetch it on a machine with a network and give the folder "
            "(--prior path/to/folder), or use --prior embedded",
        )
        _need_safetensors(name, path)
    return _kind_of_folder(path), path


def _need_safetensors(name: str, folder: Path) -> None:
    """Refuse what was fetched of a hub repository if parts are there without their weights."""
    for file in (file for files in _WEIGHTS for file in files):
        if (folder / file).parent.is_dir() and not (folder / file).is_file():
            if offline():
                raise InputError(
                    f"the cache has only a part of the hub's {name}: {file} is missing, and "
                    "HF_HUB_OFFLINE is set; fetch it with a network, or, if the model has no such "
                    f"file, {conversion(name)}."
                )
            raise InputError(
                f"the hub's {name} has no {file}, and only safetensors are read, never pickled "
                f"weights; {conversion(name)}."
            )


def _kind_of_folder(path: Path) -> str:
    if (path / "bert").is_dir():
        return "ldm-text2img"
    if (path / "text_encoder").is_dir():
        return "stable-diffusion"
    raise InputError(
        f"{path}: no model that anogen knows; a diffusers folder of Stable Diffusion has a part "
        "'text_encoder', one of LDM text2img a part 'bert'."
    )


def _kind_of_file(path: Path) -> tuple[str, Path]:
    """Kind of a .safetensors file, by its header."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of a .safetensors file.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata, keys = file.metadata() or {}, list(file.keys())
    except SafetensorError as error:
        raise InputError(f"{path}: not a readable .safetensors file; fetch it again.") from error
    if any(key.startswith(("model.diffusion_model.", "conditioner.")) for key in keys):
        return "stable-diffusion-file", path
    if "config" in metadata:
        return "embedded", path
    if "adaptation" in metadata:
        return "adapted", path
    raise InputError(
        f"{path}: neither an embedded prior (no 'config' in its header) nor a Stable Diffusion "
        "checkpoint (no tensor model.diffusion_model...); give one of these or a folder."
    )


def _device(device: str | None) -> str:
    import torch

    if device is not None:
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"
