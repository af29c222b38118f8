"""Tokens and low-rank weights of the prior, learned together from the shots and the good images.

Beyond AnoGen, whose prior stays as it is (Eq. 5): three shots of a defect that the prior cannot
draw move its weights, too. Ruiz et al., "DreamBooth", CVPR 2023, Eq. 2, adds examples of what the
prior knows already, lest it forget that; here half of each batch are windows of the good images
with rendered defects under their words, the pretraining's own task. The weights' change is of low
rank (Hu et al. 2022), and all defects of a category share it.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from anogen.concept.concept import Concept
from anogen.concept.encoded_views import encode_views, pooled
from anogen.concept.learning import OnStep, masked_loss, timesteps_at
from anogen.concept.settings import ConceptSettings
from anogen.concept.views import Shot
from anogen.data.sample import Sample
from anogen.prior.adaptation.adapt import scenes_of
from anogen.prior.adaptation.adapted import load_adapted, save_factors
from anogen.prior.adaptation.fit import prepare
from anogen.prior.adaptation.low_rank import attach
from anogen.prior.adaptation.settings import AdaptSettings
from anogen.prior.embedded import EmbeddedPrior
from anogen.prior.pretrain.train_denoiser import denoising_loss, draw_examples
from anogen.prior.vocabulary import GENERIC
from anogen.seeds import rng_of, seed_of

TOKEN_RATE = 0.1
"""Tokens start from learned ones: a tenth of the rate at which they were learned."""


def learn_jointly(
    prior: EmbeddedPrior,
    concepts: Sequence[Concept],
    support: Mapping[str, Sequence[Shot]],
    goods: Sequence[Sample],
    path: Path,
    *,
    settings: ConceptSettings,
    rehearsal: AdaptSettings,
    seed: int,
    on_step: OnStep | None = None,
) -> list[Concept]:
    """Go on from learned concepts, the prior's weights learning along.

    Args:
        prior: the prior that the concepts were learned in; unchanged.
        concepts: all concepts of a category, without spatial encoder.
        support: the shots of each of its defects.
        goods: good images of the category.
        path: where the weights' change is written, for ``load_adapted`` upon ``prior``.
        settings: how; its ``joint_rank`` is above 0.
        rehearsal: how good images become windows, and the rate at which weights learn.
        seed: of everything random.
        on_step: called with the steps done and all steps.

    Returns:
        The concepts with new tokens; they belong to the prior at ``path``.
    """
    defects = [concept.defect for concept in concepts]
    views = [
        encode_views(prior, support[d], settings, seed_of(seed, "joint views", d)) for d in defects
    ]
    owner = torch.cat([torch.full((len(v.latents),), i) for i, v in enumerate(views)])
    every = pooled(views)
    chosen = sorted(goods, key=lambda s: seed_of(seed, "good", s.key))[: rehearsal.images]
    scenes = scenes_of(prior, chosen, settings=rehearsal, seed=seed)
    student = copy.deepcopy(prior)
    prepare(student)
    factors = attach(student.denoiser, rank=settings.joint_rank, seed=seed)
    tokens = torch.stack([c.tokens for c in concepts]).requires_grad_()
    weights = [parameter for factor in factors.values() for parameter in factor.parameters()]
    optimizer = torch.optim.Adam(
        [
            {"params": [tokens], "lr": TOKEN_RATE * settings.learning_rate},
            {"params": weights, "lr": rehearsal.learning_rate},
        ]
    )
    half = max(1, settings.batch_size // 2)
    for step in range(settings.joint_steps):
        rng = rng_of(seed, "joint", step)
        generator = torch.Generator().manual_seed(seed_of(seed, "joint noise", step))
        rows = torch.from_numpy(rng.integers(0, len(owner), half))
        spread = (torch.randperm(half, generator=generator) + rng.random()) / half
        timestep = timesteps_at(spread, prior)
        noise = torch.randn((half, *every.latents.shape[1:]), generator=generator)
        learned = masked_loss(
            student,
            every,
            rows,
            student.context(tokens[owner[rows]]),
            timestep,
            noise,
            settings=settings,
        )
        examples = draw_examples(
            scenes,
            rng.integers(0, len(scenes.word), half),
            rng,
            len(GENERIC),
            normal_share=rehearsal.normal_share,
        )
        loss = learned.mean() + denoising_loss(student, examples, generator).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([tokens, *weights], 1.0)
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, settings.joint_steps)
    save_factors(
        path,
        {f"{n}.{k}": t for n, factor in factors.items() for k, t in factor.state_dict().items()},
        base=prior.fingerprint,
        source={
            "settings": settings.model_dump(mode="json"),
            "rehearsal": rehearsal.model_dump(mode="json"),
            "seed": seed,
            "shots": {c.defect: list(c.shots) for c in concepts},
            "images": [s.key for s in chosen],
        },
    )
    fingerprint = load_adapted(path, prior).fingerprint
    return [
        replace(concept, tokens=row.clone(), prior=fingerprint)
        for concept, row in zip(concepts, tokens.detach(), strict=True)
    ]
