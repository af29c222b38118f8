"""Stage 1: learn concepts from shots in a frozen prior, all defects in one process.

Gui et al., "Few-shot anomaly-driven generation" (AnoGen), ECCV 2024, Eq. 5 (only the embedding
learns) and Eq. 6 (the loss counts on the defect's latents only). Departures, by settings where one
is named: the mask goes to the latent grid by area (``mask_rule``) and the loss is divided by the
mask's area (``average_over``), for the better of small defects; the error is that of the velocity,
even over timesteps (``weighting``); views show the defect from near (``zoom``) and are encoded
once, as the posterior's mean; the timesteps of a batch are spread evenly over the schedule instead
of drawn independently; learning stops when a held-back set of noise stops improving (``patience``),
and the tokens that did best on it are kept; an inpainting prior sees the good surface as it
restores it itself (``surroundings``).

Hu et al., "AnomalyDiffusion", AAAI 2024, Eq. 5 and 6: the same loss with a spatial encoder that all
defects share and that learns with all their tokens. Departure: the encoder is shared by the defects
of a category, not of all categories.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anogen.concept.concept import Concept
from anogen.concept.encoded_views import Views, encode_views, pooled
from anogen.concept.named_word import named_word
from anogen.concept.previews import previews
from anogen.concept.settings import ConceptSettings
from anogen.concept.spatial_encoder import SpatialEncoder, new_spatial_encoder
from anogen.concept.templates import TEMPLATES
from anogen.concept.views import Shot
from anogen.prior.contract import LatentDiffusion
from anogen.seeds import rng_of, seed_of

WORD_PAIRS = 12
"""Pairs of view and noise on which the likeliest words are tried as a start."""

FIRST_PAIRS = slice(1, None, 4)
"""Those of them on which every word is tried, which leaves the ``LIKELIEST``: a choice about as
good as trying every word on all."""

LIKELIEST = 6

HELD_BACK = 60
"""Pairs of view and noise on which learning is checked, shared by the defects ..."""

HELD_BACK_EACH = (12, 24)
"""... of which each has at least and at most so many."""

SHOWN = 4
"""Shots in a preview, at most."""

LEAST_LEVEL = 0.02
"""Alpha-bar below which the velocity's weight grows no more, lest the noisiest steps drown all."""

APART = 0.1
"""How far from each other repeated tokens begin, as a share of the tokens' deviation."""

EMPTY = 1e-6
"""Cells; below the least share of a cell that a mask by area can have."""

OnStep = Callable[[int, int], None]
OnPreview = Callable[[str, int, NDArray[np.uint8]], None]


@dataclass(frozen=True)
class _Learner:
    """What learns: the tokens of each defect, and the spatial encoder that they share."""

    tokens: dict[str, Tensor]
    spatial: SpatialEncoder | None

    def context(
        self,
        prior: LatentDiffusion,
        defects: Sequence[str],
        views: Views,
        rows: Tensor,
        prompts: Sequence[str] | None = None,
    ) -> Tensor:
        """States for views ``rows`` (indices into ``views``), each of the defect beside it."""
        if self.spatial is None and prompts is None:
            # The text encoder reads each defect's tokens once, not once for each view.
            known = sorted(set(defects))
            states = prior.context(torch.stack([self.tokens[d] for d in known]))
            return states[torch.tensor([known.index(d) for d in defects])]
        tokens = torch.stack([self.tokens[d] for d in defects])
        if self.spatial is not None and views.shape is not None:
            tokens = torch.cat([tokens, self.spatial(views.shape[rows].float())], dim=1)
        return prior.context(tokens) if prompts is None else prior.context(tokens, prompts)

    def kept(self, defects: Sequence[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Copies of the tokens of some defects, and of the encoder's weights."""
        tokens = {d: self.tokens[d].detach().clone() for d in defects}
        if self.spatial is None:
            return tokens, {}
        return tokens, {name: t.detach().clone() for name, t in self.spatial.state_dict().items()}


def learn_concepts(
    prior: LatentDiffusion,
    support: Mapping[str, Sequence[Shot]],
    *,
    category: str,
    settings: ConceptSettings,
    seed: int,
    on_step: OnStep | None = None,
    on_preview: OnPreview | None = None,
) -> list[Concept]:
    """Learn the concept of every defect of a category.

    Args:
        prior: the frozen prior.
        support: the shots of each defect.
        category: name that goes into the concepts.
        settings: how to learn.
        seed: with category and defect names the only source of randomness.
        on_step: called with the steps done and the steps at most.
        on_preview: called with a defect, the steps done and a picture uint8 ``(2 S, P S, 3)``,
            each ``settings.preview_every`` steps.

    Returns:
        A concept for each defect, sorted by name; they share one spatial encoder, if any.

    Raises:
        InputError: if the prior does not know the word to start from.
    """
    defects = sorted(support)
    views = {
        defect: encode_views(prior, support[defect], settings, seed_of(seed, category, defect))
        for defect in defects
    }
    words = {
        d: _start_word(prior, d, views[d], settings, seed_of(seed, category, d)) for d in defects
    }
    starts = {d: _tokens_of(prior, words[d]) for d in defects}
    learner = _Learner(
        {d: fitted(prior, starts[d], settings.tokens).requires_grad_() for d in defects},
        _new_spatial(prior, starts, settings, seed_of(seed, category), prior.device),
    )
    losses = _train(
        prior, views, learner, settings, seed_of(seed, category), on_step=on_step, show=on_preview
    )
    if learner.spatial is not None:
        learner.spatial.requires_grad_(False).eval().cpu()
    return [
        Concept(
            category=category,
            defect=defect,
            tokens=learner.tokens[defect].detach(),
            prior=prior.fingerprint,
            shots=tuple({"key": s.key, "sha256": s.sha256} for s in support[defect]),
            settings=settings.model_dump(mode="json"),
            losses=tuple(round(value, 6) for value in losses[defect]),
            word=words[defect],
            spatial=learner.spatial,
        )
        for defect in defects
    ]


def masked_loss(
    prior: LatentDiffusion,
    views: Views,
    rows: Tensor,
    context: Tensor,
    timestep: Tensor,
    noise: Tensor,
    *,
    settings: ConceptSettings,
) -> Tensor:
    """AnoGen's Eq. 6 and AnomalyDiffusion's Eq. 5 for each view ``(B,)``: squared error of the
    noise, averaged over the mask.

    AnoGen's Eq. 5, that is over everything, where ``settings.mask_guided`` is off.

    Args:
        prior: the frozen prior.
        views: the encoded views.
        rows: ``(B,)``, which of them.
        context: states for cross-attention ``(B, L, D)``.
        timestep: ``(B,)``.
        noise: ``(B, C, s, s)``.
        settings: whose ``mask_guided``, ``average_over`` and ``weighting`` say how errors count.
    """
    latents = views.latents[rows]
    level = prior.alphas_cumprod[timestep].to(latents.dtype).view(-1, 1, 1, 1)
    noisy = level.sqrt() * latents + (1 - level).sqrt() * noise
    predicted = prior.predict_noise(
        noisy,
        timestep,
        context,
        surroundings=None if views.surroundings is None else views.surroundings[rows],
        region=views.region[rows],
    )
    error = (predicted - noise).square()
    if settings.weighting == "velocity":
        # With v = sqrt(ab) eps - sqrt(1 - ab) z0 (Salimans and Ho 2022) and known noisy latents,
        # the velocity's error is the noise's over sqrt(ab). Noise is easy to tell where there is
        # much of it, and there it matters most.
        error = error / level.clamp_min(LEAST_LEVEL)
    weight = views.mask[rows] if settings.mask_guided else torch.ones_like(views.mask[rows])
    if settings.average_over == "latents":
        return (error * weight).mean(dim=(1, 2, 3))
    # Only masks by the released code's rule may be empty; such a view teaches nothing.
    total = weight.sum(dim=(1, 2, 3)).clamp_min(EMPTY) * latents.shape[1]
    return (error * weight).sum(dim=(1, 2, 3)) / total


def timesteps_at(spread: Tensor, prior: LatentDiffusion) -> Tensor:
    """Timesteps ``(B,)`` at shares of the schedule in [0, 1]: rounding may reach 1."""
    last = len(prior.alphas_cumprod)
    return (spread * last).long().clamp(max=last - 1)


def _tokens_of(prior: LatentDiffusion, word: str) -> Tensor:
    return prior.mean_token() if word == "mean" else prior.word_tokens(word)


def fitted(prior: LatentDiffusion, tokens: Tensor, count: int) -> Tensor:
    """``count`` tokens out of those of a word: the first ones, or repeated in turn.

    A prior with a vocabulary of its own reads tokens in no order: equal ones would have equal
    gradients and stay equal for ever. There repeated ones begin a little apart.
    """
    rows = torch.arange(count) % len(tokens)
    found = tokens[rows].clone()
    repeated = len(found) - len(tokens)
    if repeated > 0 and prior.words():
        generator = torch.Generator().manual_seed(seed_of(0, "repeated tokens"))
        apart = torch.randn((repeated, found.shape[1]), generator=generator).to(found)
        found[len(tokens) :] += APART * tokens.std() * apart
    return found


def _new_spatial(
    prior: LatentDiffusion,
    starts: Mapping[str, Tensor],
    settings: ConceptSettings,
    seed: int,
    device: torch.device,
) -> SpatialEncoder | None:
    """An encoder that begins between the words of all defects, so that nothing is disturbed; it
    lives where the prior does."""
    if settings.spatial == "none":
        return None
    start = torch.stack(
        [fitted(prior, start, settings.spatial_tokens) for start in starts.values()]
    )
    generator = torch.Generator().manual_seed(seed_of(seed, "spatial encoder"))
    encoder = new_spatial_encoder(settings.spatial, start.mean(dim=0), generator=generator)
    return encoder.to(device)


def _start_word(
    prior: LatentDiffusion, defect: str, views: Views, settings: ConceptSettings, seed: int
) -> str:
    """The word of the settings; or that of the defect's name, if it explains the shots better than
    ``defect`` does; or the one that explains them best, which a few pairs tell only roughly."""
    if settings.init != "auto":
        return settings.init
    words = [word for word in prior.words() if word != "normal"]
    if not words:
        return "defect"
    pairs = _held_back(views, prior, seed, WORD_PAIRS)

    def losses(words: Sequence[str], part: slice = slice(None)) -> dict[str, float]:
        """Mean loss of each word on some of the pairs."""
        learner = _Learner({word: prior.word_tokens(word) for word in words}, None)
        some = [each[part] for each in pairs]
        owners = [word for word in words for _ in some[0]]
        repeated = [torch.cat([each] * len(words)) for each in some]
        found = _losses(prior, owners, views, repeated, learner, settings)
        return dict(zip(words, found.view(len(words), -1).mean(dim=1).tolist(), strict=True))

    named = named_word(defect, words)
    if named is not None:
        both = losses([named, *({"defect"} & set(words) - {named})])
        if min(both, key=both.__getitem__) == named:
            return named
    roughly = losses(words, FIRST_PAIRS)
    closely = losses(sorted(words, key=roughly.__getitem__)[:LIKELIEST])
    return min(closely, key=closely.__getitem__)


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
def _losses(
    prior: LatentDiffusion,
    owners: Sequence[str],
    views: Views,
    pairs: Sequence[Tensor],
    learner: _Learner,
    settings: ConceptSettings,
) -> Tensor:
    """Loss on each held-back pair ``(P,)``, with the bare tokens of its owner, as drawing uses
    them."""
    losses = []
    # Without gradients twice as much fits into the memory that a step takes.
    most = 2 * settings.batch_size
    for start in range(0, len(owners), most):
        part = slice(start, start + most)
        rows, timestep, noise = (each[part] for each in pairs)
        context = learner.context(prior, owners[part], views, rows)
        losses.append(masked_loss(prior, views, rows, context, timestep, noise, settings=settings))
    return torch.cat(losses)


def _train(
    prior: LatentDiffusion,
    views: dict[str, Views],
    learner: _Learner,
    settings: ConceptSettings,
    seed: int,
    *,
    on_step: OnStep | None,
    show: OnPreview | None,
) -> dict[str, list[float]]:
    """Mixed batches over all defects; leaves the best in the learner and returns loss curves.

    A step of ``batch_of=defect`` looks at ``batch_size`` views of each defect, as many at a time,
    and sums the defects' mean losses.
    """
    defects = list(views)
    every = pooled([views[d] for d in defects])
    sizes = np.array([len(views[d].latents) for d in defects])
    firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    least, most = HELD_BACK_EACH
    held = min(max(HELD_BACK // len(defects), least), most)
    of_each = [_held_back(views[d], prior, seed_of(seed, d), held) for d in defects]
    pairs = [torch.cat(parts) for parts in zip(*of_each, strict=True)]
    pairs[0] = pairs[0] + torch.from_numpy(firsts.repeat(held))
    holders = [d for d in defects for _ in range(held)]

    def check() -> None:
        found = _losses(prior, holders, every, pairs, learner, settings)
        for d, value in zip(defects, found.view(len(defects), -1).mean(dim=1), strict=True):
            curves[d].append(float(value))

    optimizer = _optimizer(learner, settings)
    curves: dict[str, list[float]] = {d: [] for d in defects}
    check()
    # Tokens are best together with the encoder that they learned beside.
    groups = [[d] for d in defects] if learner.spatial is None else [defects]
    best = [learner.kept(group) for group in groups]
    idle = 0
    batch = settings.batch_size * (len(defects) if settings.batch_of == "defect" else 1)
    for step in range(settings.steps):
        rng = rng_of(seed, "step", step)
        owner = rng.permutation(np.arange(batch) + step) % len(defects)
        rows = torch.from_numpy(firsts[owner] + rng.integers(0, sizes[owner]))
        generator = torch.Generator().manual_seed(seed_of(seed, "noise", step))
        count = len(rows)
        # Spread the batch evenly over the schedule: less noise in the gradient.
        offset = torch.rand((), generator=generator)
        spread = (torch.randperm(count, generator=generator) + offset) / count
        timestep = timesteps_at(spread, prior)
        noise = torch.randn((count, *every.latents.shape[1:]), generator=generator)
        prompts = rng.choice(TEMPLATES, count).tolist() if settings.templates else None
        owners = [defects[index] for index in owner]
        optimizer.zero_grad(set_to_none=True)
        for first in range(0, count, settings.batch_size):
            part = slice(first, first + settings.batch_size)
            context = learner.context(
                prior, owners[part], every, rows[part], None if prompts is None else prompts[part]
            )
            loss = masked_loss(
                prior, every, rows[part], context, timestep[part], noise[part], settings=settings
            )
            loss.mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, settings.steps)
        if show is not None and settings.preview_every and not (step + 1) % settings.preview_every:
            for d, picture in _previews(prior, views, learner, settings, seed).items():
                show(d, step + 1, picture)
        if (step + 1) % settings.check_every == 0 or step + 1 == settings.steps:
            improved = False
            before = [_mean_curve(curves, group) for group in groups]
            check()
            for number, group in enumerate(groups):
                value = _mean_curve(curves, group)[-1]
                improved = improved or value < 0.998 * min(before[number])
                if value < min(before[number]):
                    best[number] = learner.kept(group)
            idle = 0 if improved else idle + 1
            if idle >= settings.patience:
                break
    for tokens, spatial in best:
        learner.tokens.update(tokens)
        if learner.spatial is not None:
            learner.spatial.load_state_dict(spatial)
    return curves


def _optimizer(learner: _Learner, settings: ConceptSettings) -> torch.optim.AdamW:
    groups = [{"params": list(learner.tokens.values()), "lr": settings.learning_rate}]
    if learner.spatial is not None:
        parameters = list(learner.spatial.parameters())
        groups.append({"params": parameters, "lr": settings.spatial_learning_rate})
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)


def _mean_curve(curves: Mapping[str, list[float]], group: Sequence[str]) -> list[float]:
    """The mean of some defects' curves, check by check."""
    return [float(np.mean(values)) for values in zip(*(curves[d] for d in group), strict=True)]


def _previews(
    prior: LatentDiffusion,
    views: dict[str, Views],
    learner: _Learner,
    settings: ConceptSettings,
    seed: int,
) -> dict[str, NDArray[np.uint8]]:
    """Of each defect the first views of its first shots, and what is drawn in their place."""
    shown = {d: torch.arange(0, len(v.latents), settings.views)[:SHOWN] for d, v in views.items()}
    firsts = np.cumsum([0, *(len(v.latents) for v in views.values())])
    rows = torch.cat([r + int(first) for r, first in zip(shown.values(), firsts, strict=False)])
    owners = [d for d, r in shown.items() for _ in r]
    every = pooled([*views.values()])
    noise = []
    for d, r in shown.items():
        generator = torch.Generator().manual_seed(seed_of(seed, d, "preview"))
        noise.append(torch.randn((len(r), *every.latents.shape[1:]), generator=generator))
    with torch.no_grad():
        context = learner.context(prior, owners, every, rows)
    # Without gradients twice as much fits into the memory that a step takes.
    pictures = previews(
        prior, every, rows, context, torch.cat(noise), at_once=2 * settings.batch_size
    )
    return {
        d: np.concatenate([p for p, o in zip(pictures, owners, strict=True) if o == d], axis=1)
        for d in views
    }
