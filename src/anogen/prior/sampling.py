"""Blended sampling: draw in a region, hold the surroundings to the normal image.

Gui et al., "Few-shot anomaly-driven generation" (AnoGen), ECCV 2024, Eq. 7:
``z_t = z_t^normal * (1 - M) + z_t' * M``, where ``z_t^normal`` is the normal's latent noised to the
level of step t. Departure: the last step is blended too, with the clean normal. The order of
work within a step is that of diffusers' inpainting pipeline for 4-channel networks, so that it
can serve as an oracle.

Two additions of AnomalyDiffusion (Hu et al., AAAI 2024): the attention of each step may be weighted
(its Eq. 7 and 8, see ``attention``), and the region may be wider at high noise, as in its released
code: a defect finds its place more freely while only its rough outline is drawn.
"""

import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from anogen.prior.attention import Reweighting
from anogen.prior.contract import LatentDiffusion

Solver = Literal["ddim", "dpmsolver++", "unipc"]

TIMESTEPS = 1000
"""Of the priors that there are."""

NEAR_NOISE = 0.95
"""Share of the timesteps that DDIM's even steps must reach."""


@dataclass(frozen=True)
class SamplerSettings:
    """How to walk from noise to latents.

    Attributes:
        solver: ``ddim``, ``dpmsolver++`` (second order, multistep) or ``unipc``.
        steps: solver steps from pure noise; a ``strength`` below 1 takes its share of them.
        guidance: scale of classifier-free guidance; 1 switches it off.
        guidance_share: share of the steps, the noisiest first, on which guidance acts.
        eta: noise of DDIM; 0 is deterministic, 1 is DDPM.
        strength: 1 starts from pure noise, less from the start latents noised that far.
        dilation: how far the region is wider at full noise, as a share of the latents' side; it
            shrinks with the timestep.
    """

    solver: Solver = "dpmsolver++"
    steps: int = 20
    guidance: float = 2.0
    guidance_share: float = 1.0
    eta: float = 0.0
    strength: float = 1.0
    dilation: float = 0.0


def check_ddim_steps(steps: int) -> None:
    """Refuse numbers of steps with which DDIM over 1000 timesteps would begin far from pure noise.

    Raises:
        ValueError: naming the nearest numbers that will do.
    """
    if _begins_near_noise(steps):
        return
    fewer = next(n for n in range(steps, 0, -1) if _begins_near_noise(n))
    more = next(n for n in range(steps, TIMESTEPS + 1) if _begins_near_noise(n))
    raise ValueError(
        f"ddim would begin far from pure noise with {steps} steps of {TIMESTEPS}; take {fewer} or "
        f"{more}"
    )


def _begins_near_noise(steps: int) -> bool:
    return TIMESTEPS // steps * steps >= NEAR_NOISE * TIMESTEPS


def make_scheduler(settings: SamplerSettings, alphas_cumprod: Tensor) -> Any:
    """diffusers' scheduler of these settings over a prior's noise schedule, its steps set.

    DDIM steps as in the released codes of LDM and Stable Diffusion: timesteps 1, 1 + T / steps,
    and so on, the last one down to alpha-bar of timestep 0. The multistep solvers spread their
    timesteps from T - 1 evenly and end at zero noise.

    Raises:
        ValueError: if there are not more timesteps than steps.
    """
    from diffusers import (
        DDIMScheduler,
        DPMSolverMultistepScheduler,
        UniPCMultistepScheduler,
    )

    if settings.steps >= len(alphas_cumprod):
        raise ValueError(f"{settings.steps} steps over {len(alphas_cumprod)} timesteps")
    previous = torch.cat([torch.ones(1, dtype=alphas_cumprod.dtype), alphas_cumprod[:-1]])
    betas = (1 - alphas_cumprod / previous).float().numpy()
    common = {"trained_betas": betas, "prediction_type": "epsilon"}
    scheduler: Any
    if settings.solver == "ddim":
        scheduler = DDIMScheduler(
            **common, clip_sample=False, set_alpha_to_one=False, steps_offset=1
        )
    elif settings.solver == "unipc":
        scheduler = UniPCMultistepScheduler(**common)
    else:
        scheduler = DPMSolverMultistepScheduler(
            **common, algorithm_type="dpmsolver++", solver_order=2
        )
    with warnings.catch_warnings():
        # diffusers makes numpy arrays of tensors in a way that numpy 2 frowns upon.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        scheduler.set_timesteps(settings.steps)
    return scheduler


@torch.no_grad()
def blended_sampling(
    prior: LatentDiffusion,
    *,
    normal: Tensor,
    region: Tensor,
    context: Tensor,
    surroundings: Tensor | None,
    noise: Tensor,
    settings: SamplerSettings,
    start: Tensor | None = None,
    step_noise: list[torch.Generator] | None = None,
    reweighting: Reweighting | None = None,
) -> Tensor:
    """Latents ``(B, C, s, s)`` that are drawn inside the region and known outside of it.

    What is known is the normal, or what drawing starts from: a sketch, which is the normal outside
    the region, also has the rim of a defect in cells of the region that are not drawn.

    Args:
        prior: the frozen model.
        normal: clean latents of the normal windows ``(B, C, s, s)``.
        region: ``(B, 1, s, s)`` in [0, 1], the share of each cell that may be drawn in. Blending
            takes the cells with at least half as much as the fullest cell beside them.
        context: states for cross-attention ``(B, L, D)``.
        surroundings: what an inpainting prior sees of the normal, or None.
        noise: standard normal, shape of ``normal``: the start, and the noise of the surroundings.
        settings: solver, steps, guidance, strength.
        start: clean latents to start from when ``settings.strength`` is below 1.
        step_noise: one generator an image, for ``eta`` above 0.
        reweighting: weights of the attention in each step; none by default.

    Raises:
        ValueError: without ``start`` for a ``strength`` below 1, or ``step_noise`` for ``eta``.
    """
    if settings.strength < 1 and start is None:
        raise ValueError("a strength below 1 needs latents to start from")
    if settings.solver == "ddim" and settings.eta > 0 and step_noise is None:
        raise ValueError("eta above 0 needs a generator for each image")
    scheduler = make_scheduler(settings, prior.alphas_cumprod)
    first = min(round(settings.steps * (1 - settings.strength)), settings.steps - 1)
    if settings.solver != "ddim":
        # Multistep solvers count their steps; DDIM goes by the timestep alone.
        scheduler.set_begin_index(first)
    timesteps = scheduler.timesteps[first:]
    batch = len(normal)
    drawn = drawn_cells(region).to(normal.dtype)
    latents = noise * scheduler.init_noise_sigma
    known = normal
    if start is not None and settings.strength < 1:
        known = start
        latents = scheduler.add_noise(start, noise, timesteps[:1].repeat(batch))
    empty = prior.empty_context(batch).to(normal) if settings.guidance != 1 else None
    clean: Tensor | None = None
    with nullcontext() if reweighting is None else reweighting.attention:
        for index, timestep in enumerate(timesteps):
            guided = empty is not None and index < settings.guidance_share * len(timesteps)
            weights = None if reweighting is None else reweighting.weights(latents, clean)
            predicted = _predict(
                prior,
                latents,
                timestep,
                context,
                empty if guided else None,
                surroundings,
                region,
                settings.guidance,
                reweighting,
                weights,
            )
            if reweighting is not None:
                level = prior.alphas_cumprod[timestep].to(latents)
                clean = (latents - (1 - level).sqrt() * predicted) / level.sqrt()
            extra: dict[str, Any] = {}
            if settings.solver == "ddim" and settings.eta > 0 and step_noise is not None:
                extra["eta"] = settings.eta
                extra["variance_noise"] = torch.cat(
                    [torch.randn(normal[:1].shape, generator=g) for g in step_noise]
                ).to(normal)
            latents = scheduler.step(predicted, timestep, latents, **extra).prev_sample
            held, here = known, drawn
            if index + 1 < len(timesteps):
                following = timesteps[index + 1]
                held = scheduler.add_noise(known, noise, following.repeat(batch))
                share = int(following) / len(prior.alphas_cumprod)
                here = _dilated(drawn, share, settings.dilation)
            latents = (1 - here) * held + here * latents
    result: Tensor = latents
    return result


def drawn_cells(region: Tensor) -> Tensor:
    """Cells of a region that are drawn, boolean: along a box those at least half in it, and all
    along parts thinner than a cell."""
    fullest = F.max_pool2d(region, 3, stride=1, padding=1)
    return (region > 0) & (region >= fullest / 2)


def _dilated(drawn: Tensor, share: float, dilation: float) -> Tensor:
    """The drawn cells grown by whole cells, at a timestep that is this share of the schedule.

    The released code's ``int((t + 100) * 8 / 1000)`` cells of 32 is ``dilation`` 0.25.
    """
    reach = int((share + 0.1) * dilation * drawn.shape[-1])
    return drawn if reach == 0 else F.max_pool2d(drawn, 2 * reach + 1, stride=1, padding=reach)


def _predict(
    prior: LatentDiffusion,
    latents: Tensor,
    timestep: Tensor,
    context: Tensor,
    empty: Tensor | None,
    surroundings: Tensor | None,
    region: Tensor,
    guidance: float,
    reweighting: Reweighting | None,
    weights: Tensor | None,
) -> Tensor:
    """The noise; guided where ``empty`` is given, both branches in one batch if they can be.

    The weights act on what the context says, not on the empty one.
    """
    times = timestep.repeat(len(latents))

    def predict(states: Tensor, copies: int = 1, weights: Tensor | None = None) -> Tensor:
        if reweighting is not None:
            reweighting.attention.weights = weights
        return prior.predict_noise(
            latents.repeat(copies, 1, 1, 1),
            times.repeat(copies),
            states,
            surroundings=None if surroundings is None else surroundings.repeat(copies, 1, 1, 1),
            region=region.repeat(copies, 1, 1, 1),
        )

    if empty is None:
        return predict(context, weights=weights)
    if empty.shape == context.shape:
        both = None if weights is None else torch.cat([torch.ones_like(weights), weights])
        free, conditional = predict(torch.cat([empty, context]), 2, both).chunk(2)
    else:
        free, conditional = predict(empty), predict(context, weights=weights)
    guided: Tensor = free + guidance * (conditional - free)
    return guided
