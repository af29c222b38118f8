"""Verbs that make priors."""

from pathlib import Path


def pretrain(
    folder: Path,
    photographs: Path | None,
    shards: int,
    autoencoder_steps: int,
    denoiser_steps: int,
    seed: int,
) -> None:
    """``anogen prior pretrain``."""
    from anogen.prior.pretrain.recipe import pretrain as train

    written = train(
        folder,
        photograph_folder=photographs,
        shards=shards,
        autoencoder_steps=autoencoder_steps,
        denoiser_steps=denoiser_steps,
        seed=seed,
    )
    print(written)
