"""Fitting the embedded prior to one product: a far narrower world than all surfaces.

Good images of the product are cut into windows, the world's rendered defects are drawn on them, and
low-rank changes of the denoiser train as the denoiser itself was pretrained: it learns the
product's surface (the word ``normal``) and rehearses every word of its vocabulary on that very
surface, so that defects are not forgotten. Tokens and autoencoder stay as they are.
"""

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from anogen.data.images import read_image, to_rgb8
from anogen.data.sample import Sample
from anogen.errors import InputError
from anogen.files import sha256_of
from anogen.prior.adaptation.adapted import is_adapted, load_adapted, read_header, save_factors
from anogen.prior.adaptation.fit import OnStep, fit, prepare
from anogen.prior.adaptation.low_rank import attach
from anogen.prior.adaptation.scenes import product_scenes
from anogen.prior.adaptation.settings import AdaptSettings
from anogen.prior.embedded import EmbeddedPrior
from anogen.prior.pretrain.latents import LatentScenes, encode_scenes
from anogen.seeds import seed_of


def adapt(
    base: EmbeddedPrior,
    goods: Sequence[Sample],
    path: Path,
    *,
    settings: AdaptSettings,
    seed: int,
    on_step: OnStep | None = None,
) -> EmbeddedPrior:
    """Fit a copy of the prior to good images and write it to ``path``, unless that is done.

    A killed fitting goes on from its last checkpoint, a hidden file beside ``path``, and ends with
    the bytes of an unbroken one.

    Args:
        base: the embedded prior; unchanged.
        goods: good images of one product.
        path: the ``.safetensors`` file.
        settings: how.
        seed: of everything random.
        on_step: called with the steps done and all steps.

    Returns:
        The adapted prior, loaded from ``path``.

    Raises:
        InputError: without good images, for a prior that is adapted already, or if ``path`` was
            made from something else.
    """
    if not goods:
        raise InputError("no good images to fit the prior to; put some into the dataset.")
    if is_adapted(base):
        raise InputError("the prior is fitted to a product already; start from the embedded one.")
    chosen = sorted(goods, key=lambda s: seed_of(seed, "good", s.key))[: settings.images]
    source = {
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "images": [{"key": s.key, "sha256": sha256_of(s.image)} for s in chosen],
    }
    if path.exists():
        if read_header(path)["source"] != source:
            raise InputError(
                f"{path}: fitted to other images or with other settings; delete it, or name "
                "another file."
            )
        return load_adapted(path, base)
    identity = json.dumps([base.fingerprint, source], sort_keys=True).encode()
    digest = hashlib.sha256(identity).hexdigest()[:8]
    checkpoint = path.with_name(f".{path.stem}-{digest}.state.safetensors")
    scenes = scenes_of(base, chosen, settings=settings, seed=seed)
    prior = copy.deepcopy(base)
    prepare(prior)
    factors = attach(prior.denoiser, rank=settings.rank, seed=seed)
    state = fit(
        prior, factors, scenes, settings=settings, seed=seed, checkpoint=checkpoint, on_step=on_step
    )
    save_factors(path, state.average, base=base.fingerprint, source=source)
    checkpoint.unlink(missing_ok=True)
    return load_adapted(path, base)


def scenes_of(
    prior: EmbeddedPrior, goods: Sequence[Sample], *, settings: AdaptSettings, seed: int
) -> LatentScenes:
    """Latents of scenes of these images, words counted from the vocabulary's first of a defect."""
    scenes = product_scenes(
        [to_rgb8(read_image(sample.image, name=sample.key)) for sample in goods],
        words=prior.words(),
        size=prior.image_size,
        count=settings.windows,
        zoom=settings.zoom,
        seed=seed,
    )
    return encode_scenes(prior.autoencoder, scenes)
