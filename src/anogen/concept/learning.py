"""Stage 1: learn concepts from shots in a frozen prior, all defects in one process.

Gui et al., "Few-shot anomaly-driven generation" (AnoGen), ECCV 2024, Eq. 5 (only the embedding
learns) and Eq. 6 (the loss counts on the defect's latents only). Departures, all for the better of
small defects: the mask goes to the latent grid by area, the loss is divided by the mask's area,
views are encoded once, learning stops when a held-back set of noise stops improving, and an
inpainting prior sees the good surface as it restores it itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from anogen.concept.concept import Concept
from anogen.concept.settings import ConceptSettings
from anogen.concept.views import draw_view
from anogen.errors import InputError
from anogen.prior.contract import LatentDiffusion
from anogen.prior.sampling import SamplerSettings, blended_sampling
from anogen.seeds import rng_of, seed_of

WORD_PAIRS = 12
"""Pairs of view and noise on which each word is tried as a start."""

HELD_BACK = 24
"""Pairs of view and noise for each defect on which learning is checked."""


@dataclass(frozen=True)
class Shot:
    """A support image with its mask.

    Attributes:
        key: the image's identity.
        sha256: of its file.
        image: uint8 ``(H, W, 3)``.
        mask: boolean ``(H, W)``, not empty.
    """

    key: str
    sha256: str
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Views:
    """Encoded views of defects, ``V`` of them.

    Attributes:
        latents: ``(V, C, s, s)``.
        mask: ``(V, 1, s, s)``, the defect's share of each cell; no view is all zero.
        region: ``(V, 1, s, s)``, the share of each cell in a box around the defect.
        surroundings: ``(V, C, s, s)``, what an inpainting prior sees; None for plain priors.
    """

    latents: Tensor
    mask: Tensor
    region: Tensor
    surroundings: Tensor | None


def learn_concepts(
    prior: LatentDiffusion,
    support: Mapping[str, Sequence[Shot]],
    *,
    category: str,
    settings: ConceptSettings,
    seed: int,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Concept]:
    """Learn the concept of every defect of a category.

    Args:
        prior: the frozen prior.
        support: the shots of each defect.
        category: name that goes into the concepts.
        settings: how to learn.
        seed: with category and defect names the only source of randomness.
        on_step: called with the steps done and the steps at most.

    Returns:
        A concept for each defect, sorted by name.

    Raises:
        InputError: if the prior does not know the word to start from.
    """
    defects = sorted(support)
    views = {
        defect: _encode(prior, support[defect], settings, seed_of(seed, category, defect))
        for defect in defects
    }
    words = {d: _start_word(prior, views[d], settings, seed_of(seed, category, d)) for d in defects}
    tokens = {
        defect: _fit(_tokens_of(prior, words[defect]), settings.tokens).requires_grad_()
        for defect in defects
    }
    losses, best = _train(prior, views, tokens, settings, seed_of(seed, category), on_step)
    return [
        Concept(
            category=category,
            defect=defect,
            tokens=best[defect],
            prior=prior.fingerprint,
            shots=tuple({"key": s.key, "sha256": s.sha256} for s in support[defect]),
            settings=settings.model_dump(mode="json"),
            losses=tuple(round(value, 6) for value in losses[defect]),
            word=words[defect],
        )
        for defect in defects
    ]


def masked_loss(
    prior: LatentDiffusion,
    views: Views,
    rows: Tensor,
    tokens: Tensor,
    timestep: Tensor,
    noise: Tensor,
    *,
    mask_guided: bool,
) -> Tensor:
    """AnoGen's Eq. 6 for each view ``(B,)``: squared error of the noise, averaged over the mask."""
    latents = views.latents[rows]
    level = prior.alphas_cumprod[timestep].to(latents.dtype).view(-1, 1, 1, 1)
    noisy = level.sqrt() * latents + (1 - level).sqrt() * noise
    predicted = prior.predict_noise(
        noisy,
        timestep,
        prior.context(tokens),
        surroundings=None if views.surroundings is None else views.surroundings[rows],
        region=views.region[rows],
    )
    # Noise is easy to tell at high levels and matters most at low ones: weighting by 1 / level
    # turns the error of the noise into that of the velocity, even over timesteps.
    error = (predicted - noise).square() / level.clamp_min(0.02)
    weight = views.mask[rows] if mask_guided else torch.ones_like(views.mask[rows])
    total = weight.sum(dim=(1, 2, 3)) * latents.shape[1]
    return (error * weight).sum(dim=(1, 2, 3)) / total


def _encode(
    prior: LatentDiffusion, shots: Sequence[Shot], settings: ConceptSettings, seed: int
) -> Views:
    views = [
        draw_view(shot.image, shot.mask, prior.image_size, settings, rng_of(seed, shot.key, turn))
        for shot in shots
        for turn in range(settings.views)
    ]
    images = torch.from_numpy(np.stack([v.image for v in views])).permute(0, 3, 1, 2) * 2 - 1
    shrink = prior.image_size // prior.latent_size
    mask = F.avg_pool2d(torch.from_numpy(np.stack([v.mask for v in views]))[:, None], shrink)
    region = F.avg_pool2d(torch.from_numpy(np.stack([v.box for v in views]))[:, None], shrink)
    with torch.no_grad():
        latents = torch.cat([prior.encode(chunk) for chunk in torch.split(images, 16)])
    surroundings = None
    if prior.inpainting:
        surroundings = latents * (1 - region)
        if settings.surroundings == "normal" and "normal" in prior.words():
            surroundings = _restored(prior, latents, mask, region, seed)
    return Views(latents, mask, region, surroundings)


def _restored(
    prior: LatentDiffusion, latents: Tensor, mask: Tensor, region: Tensor, seed: int
) -> Tensor:
    """The shots' latents with the defect drawn over by the word ``normal``."""
    touched = F.max_pool2d((mask > 0.01).to(latents.dtype), 3, stride=1, padding=1)
    parts = []
    for start in range(0, len(latents), 16):
        rows = slice(start, start + 16)
        clean, hidden = latents[rows], touched[rows]
        generator = torch.Generator().manual_seed(seed_of(seed, "restored", start))
        parts.append(
            blended_sampling(
                prior,
                normal=clean,
                region=hidden,
                context=prior.word_tokens("normal").expand(len(clean), -1, -1),
                surroundings=clean * (1 - hidden),
                noise=torch.randn(clean.shape, generator=generator),
                settings=SamplerSettings(steps=10, guidance=1.0),
            )
        )
    return torch.where(region > 0, torch.cat(parts), latents)


def _tokens_of(prior: LatentDiffusion, word: str) -> Tensor:
    if word != "mean":
        return prior.word_tokens(word)
    if not prior.words():
        raise InputError(
            f"concept.init: mean needs a vocabulary, and the prior {prior.name} has none; "
            "give a word."
        )
    return torch.stack([prior.word_tokens(known) for known in prior.words()]).mean(dim=0)


def _fit(tokens: Tensor, count: int) -> Tensor:
    """``count`` tokens out of those of a word: repeated in turn, or the first ones."""
    rows = torch.arange(count) % len(tokens)
    return tokens[rows].clone()


def _start_word(prior: LatentDiffusion, views: Views, settings: ConceptSettings, seed: int) -> str:
    if settings.init != "auto":
        return settings.init
    words = [word for word in prior.words() if word != "normal"]
    if not words:
        return "defect"
    pairs = _held_back(views, prior, seed, WORD_PAIRS)
    scores = [
        _check(prior, views, pairs, prior.word_tokens(word), settings.mask_guided) for word in words
    ]
    return words[int(np.argmin(scores))]


def _held_back(
    views: Views, prior: LatentDiffusion, seed: int, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Fixed views, timesteps (even over the schedule) and noise."""
    generator = torch.Generator().manual_seed(seed_of(seed, "held back"))
    rows = torch.randint(0, len(views.latents), (count,), generator=generator)
    span = len(prior.alphas_cumprod)
    timestep = ((torch.arange(count) + 0.5) / count * 0.95 * span).long()
    noise = torch.randn((count, *views.latents.shape[1:]), generator=generator)
    return rows, timestep, noise


@torch.no_grad()
def _check(
    prior: LatentDiffusion,
    views: Views,
    pairs: tuple[Tensor, Tensor, Tensor],
    tokens: Tensor,
    mask_guided: bool,
) -> float:
    rows, timestep, noise = pairs
    expanded = tokens.expand(len(rows), -1, -1)
    loss = masked_loss(prior, views, rows, expanded, timestep, noise, mask_guided=mask_guided)
    return float(loss.mean())


def _train(
    prior: LatentDiffusion,
    views: dict[str, Views],
    tokens: dict[str, Tensor],
    settings: ConceptSettings,
    seed: int,
    on_step: Callable[[int, int], None] | None,
) -> tuple[dict[str, list[float]], dict[str, Tensor]]:
    """Mixed batches over all defects; returns loss curves and the best tokens of each."""
    defects = list(views)
    pooled = Views(
        torch.cat([views[d].latents for d in defects]),
        torch.cat([views[d].mask for d in defects]),
        torch.cat([views[d].region for d in defects]),
        torch.cat([s for d in defects if (s := views[d].surroundings) is not None])
        if prior.inpainting
        else None,
    )
    sizes = np.array([len(views[d].latents) for d in defects])
    firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    pairs = {d: _held_back(views[d], prior, seed_of(seed, d), HELD_BACK) for d in defects}
    optimizer = torch.optim.Adam(list(tokens.values()), lr=settings.learning_rate)
    best = {d: tokens[d].detach().clone() for d in defects}
    curves = {
        d: [_check(prior, views[d], pairs[d], tokens[d], settings.mask_guided)] for d in defects
    }
    idle = 0
    for step in range(settings.steps):
        rng = rng_of(seed, "step", step)
        owner = rng.permutation(np.arange(settings.batch_size) + step) % len(defects)
        rows = torch.from_numpy(firsts[owner] + rng.integers(0, sizes[owner]))
        generator = torch.Generator().manual_seed(seed_of(seed, "noise", step))
        count = len(rows)
        # Spread the batch evenly over the schedule: less noise in the gradient.
        offset = torch.rand((), generator=generator)
        spread = (torch.randperm(count, generator=generator) + offset) / count
        timestep = (spread * len(prior.alphas_cumprod)).long()
        noise = torch.randn((count, *pooled.latents.shape[1:]), generator=generator)
        batch = torch.stack([tokens[defects[index]] for index in owner])
        loss = masked_loss(
            prior, pooled, rows, batch, timestep, noise, mask_guided=settings.mask_guided
        )
        optimizer.zero_grad(set_to_none=True)
        loss.mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, settings.steps)
        if (step + 1) % settings.check_every == 0:
            improved = False
            for d in defects:
                value = _check(prior, views[d], pairs[d], tokens[d], settings.mask_guided)
                if value < 0.998 * min(curves[d]):
                    improved = True
                if value < min(curves[d]):
                    best[d] = tokens[d].detach().clone()
                curves[d].append(value)
            idle = 0 if improved else idle + 1
            if idle >= settings.patience:
                break
    return curves, best
