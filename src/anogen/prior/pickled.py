"""Pickled weights are never read, as reading them runs whatever code they hold: how to convert."""

from pathlib import Path

ENDINGS = (".ckpt", ".bin", ".pt", ".pth", ".pkl")
"""Formats that run code when they are read."""


def conversion(source: str) -> str:
    """What to do about pickled weights of a folder or of a hub repository, as part of a sentence.

    Args:
        source: path of the folder, or hub id.
    """
    return (
        "where you trust the pickled ones, convert them with diffusers: DiffusionPipeline"
        f".from_pretrained({source!r}, use_safetensors=False).save_pretrained(FOLDER), and give "
        "that folder"
    )


def refusal(path: Path) -> str:
    """One sentence on a pickled file: what it seems to be, and how to convert that."""
    never = f"{path}: pickled weights can run any code and are never read; where you trust the "
    if path.suffix.lower() == ".bin":
        return (
            f"{never}file, which is one part of a model, convert the whole model with diffusers: "
            "DiffusionPipeline.from_pretrained(ID_OR_FOLDER, use_safetensors=False)"
            ".save_pretrained(FOLDER), and give that folder."
        )
    return (
        f"{never}file and it is a Stable Diffusion, convert it with diffusers: "
        f"StableDiffusionPipeline.from_single_file({path.name!r}).save_pretrained(FOLDER), and "
        "give that folder; LDM text2img's model.ckpt cannot be converted so, but its weights are "
        "on the hub: give --prior CompVis/ldm-text2im-large-256."
    )
