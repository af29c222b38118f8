"""Verbs that train what the package carries."""

from pathlib import Path


def pretrain(
    folder: Path,
    photographs: Path | None,
    shards: int,
    autoencoder_steps: int,
    correction_steps: int,
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
        correction_steps=correction_steps,
        denoiser_steps=denoiser_steps,
        seed=seed,
    )
    print(written)


def pretrain_detector(
    folder: Path, detector: str, photographs: Path | None, shards: int, steps: int, seed: int
) -> None:
    """``anogen detector pretrain``."""
    from anogen.detection.pretraining import pretrain as train

    print(
        train(
            folder,
            detector,
            photograph_folder=photographs,
            shards=shards,
            steps=steps,
            seed=seed,
        )
    )
