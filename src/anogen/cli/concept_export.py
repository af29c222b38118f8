"""``anogen export --format textual-inversion``: a run's concepts for diffusers."""

from pathlib import Path

from anogen.concept.concept import load_concept
from anogen.concept.export import export_textual_inversion
from anogen.errors import InputError
from anogen.files import whole_folder
from anogen.prior.loading import kind_of
from anogen.study.run_folder import RunFolder

TEXTUAL_INVERSION = "textual-inversion"

_LOADABLE = ("stable-diffusion", "stable-diffusion-file")
"""Priors whose pipelines in diffusers have ``load_textual_inversion``."""


def export_concepts(run: RunFolder, out: Path, *, categories: list[str] | None) -> None:
    """Write each concept of a run to ``out/<category>/<defect>.safetensors``.

    Raises:
        InputError: for concepts of a prior without a text encoder or of LDM text2img, which
            diffusers loads no textual inversions into, or with a spatial encoder; where nothing is
            learned, or not of a category; for a folder that is not empty.
    """
    kind = kind_of(run.settings.prior)
    # Of a prior that is no longer here nothing is known but that it was there.
    if kind is not None and kind not in _LOADABLE:
        lack = (
            "diffusers loads no textual inversions into it"
            if kind == "ldm-text2img"
            else "it has no text encoder"
        )
        raise InputError(
            f"{run.path}: its concepts speak to the prior {run.settings.prior}, and {lack}; learn "
            "them with a Stable Diffusion (--prior) to export them."
        )
    folder = run.path / "concepts"
    paths = sorted(folder.glob("*/*.safetensors"))
    if not paths:
        raise InputError(
            f"{run.path}: nothing is learned yet; run 'anogen learn {run.path}' first."
        )
    there = sorted({path.parent.name for path in paths})
    unknown = [name for name in dict.fromkeys(categories or ()) if name not in there]
    if unknown:
        raise InputError(
            f"{folder}: no concept of {', '.join(unknown)}; there are: {', '.join(there)}."
        )
    concepts = [load_concept(p) for p in paths if not categories or p.parent.name in categories]
    with whole_folder(out) as part:
        for concept in concepts:
            name = f"{concept.category}/{concept.defect}.safetensors"
            print(f"{out / name}: {export_textual_inversion(concept, part / name)}")
    print(f"exported: {out} ({len(concepts)} concepts)")
