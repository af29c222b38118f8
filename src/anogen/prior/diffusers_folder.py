"""Parts of a model in a folder as diffusers writes it: safetensors only, nothing left random."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from anogen.errors import InputError
from anogen.prior.contract import Prediction
from anogen.prior.pickled import conversion

UNET = "unet/diffusion_pytorch_model.safetensors"
SCHEDULER = "scheduler/scheduler_config.json"


def require_files(folder: Path, files: tuple[str, ...]) -> None:
    """Check that weights and configurations are there.

    Raises:
        InputError: for the first file that is missing; pickled weights are never read.
    """
    for file in files:
        path = folder / file
        if path.is_file():
            continue
        if path.suffix == ".safetensors":
            raise InputError(
                f"{path}: not there, and only safetensors are read, never pickled weights; "
                f"{conversion(str(folder))}."
            )
        raise InputError(
            f"{path}: not there; give the complete folder of the model as diffusers writes it."
        )


def load_part(model_class: Any, folder: Path, part: str) -> Any:
    """One model of a folder, float32.

    Raises:
        InputError: if the files are damaged, of another model, or lack weights.
    """
    from diffusers import ModelMixin
    from diffusers.utils import is_accelerate_available

    options: dict[str, Any] = {}
    if issubclass(model_class, ModelMixin):
        # Its default, without the warning where the package accelerate is not installed.
        options["low_cpu_mem_usage"] = is_accelerate_available()
    try:
        with _quiet():
            model, info = model_class.from_pretrained(
                str(folder),
                subfolder=part,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                torch_dtype=torch.float32,
                **options,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(
            f"{folder / part}: damaged, or no {model_class.__name__} "
            f"({str(error).strip().splitlines()[0] if str(error).strip() else 'no reason given'}); "
            "fetch or convert the model again."
        ) from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise InputError(
            f"{folder / part}: {len(missing)} weights are missing, such as {missing[0]}; "
            "fetch or convert the model again."
        )
    return model


def load_tokenizer(
    tokenizer_class: Any, folder: Path, files: tuple[str, ...], part: str = "tokenizer"
) -> Any:
    """The tokenizer of a folder.

    Args:
        tokenizer_class: class of ``transformers``.
        folder: folder of the model.
        files: the vocabulary's files in the classic layout; ``tokenizer.json`` serves as well.
        part: folder within ``folder``, or empty.

    Raises:
        InputError: if its files are missing or damaged.
    """
    place = folder / part
    if not has_tokenizer(place, files):
        raise InputError(
            f"{place}: no tokenizer there ({' and '.join(files)}, or tokenizer.json); give the "
            "complete folder of the model."
        )
    try:
        return tokenizer_class.from_pretrained(str(folder), subfolder=part, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare exceptions on damaged files
        raise InputError(
            f"{place}: damaged, or no {tokenizer_class.__name__}; fetch the model again."
        ) from error


def has_tokenizer(place: Path, files: tuple[str, ...]) -> bool:
    """True if a folder has a tokenizer's files, in the classic layout or in one file."""
    return (place / "tokenizer.json").is_file() or all((place / f).is_file() for f in files)


def noise_schedule(config: dict[str, Any], origin: str) -> tuple[Tensor, Prediction]:
    """Alpha-bar ``(T,)`` float64 and what the network predicts, of a scheduler's configuration.

    Args:
        config: as in ``scheduler_config.json``; the sampler that it names does not matter.
        origin: the file, for messages.

    Raises:
        InputError: for a kind of prediction or schedule that cannot be sampled here.
    """
    from diffusers import DDPMScheduler

    prediction = config.get("prediction_type", "epsilon")
    if prediction not in ("epsilon", "v_prediction"):
        raise InputError(
            f"{origin}: prediction_type {prediction!r} is not supported; use a model that "
            "predicts epsilon or v_prediction."
        )
    if config.get("rescale_betas_zero_snr"):
        raise InputError(
            f"{origin}: rescale_betas_zero_snr is not supported; use a model without it."
        )
    names = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas")
    given = {name: config[name] for name in names if name in config}
    betas = DDPMScheduler(**given).betas.double()
    return torch.cumprod(1 - betas, dim=0), prediction


def read_noise_schedule(folder: Path) -> tuple[Tensor, Prediction]:
    """:func:`noise_schedule` of a folder."""
    path = folder / SCHEDULER
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: no valid JSON; fetch the model again.") from error
    return noise_schedule(config, str(path))


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar for the milliseconds that mapping a file takes."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
