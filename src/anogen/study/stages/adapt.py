"""The prior of each category: the run's own, or fitted to the category's good images first."""

from contextlib import nullcontext

from anogen.data.sample import Category
from anogen.prior.adaptation.adapt import adapt
from anogen.prior.adaptation.adapted import is_adapted, load_adapted
from anogen.prior.contract import LatentDiffusion
from anogen.prior.embedded import EmbeddedPrior
from anogen.seeds import seed_of
from anogen.study.durations import timed
from anogen.study.run_folder import RunFolder
from anogen.study.saying import progress_bar


def adapts(run: RunFolder, prior: LatentDiffusion) -> bool:
    """Whether a run fits its prior: the embedded one, unless it was fitted to a product before."""
    wanted = run.settings.adapt.steps > 0
    return wanted and isinstance(prior, EmbeddedPrior) and not is_adapted(prior)


def learns_jointly(run: RunFolder) -> bool:
    """Whether a run's concepts change the prior that they are learned in."""
    return run.settings.concept.joint_rank > 0


def prior_of_concepts(
    run: RunFolder, category: Category, prior: LatentDiffusion
) -> LatentDiffusion:
    """The prior that a category's learned concepts speak to.

    Raises:
        InputError: if the concepts were to change it, and the changed one is not there.
    """
    own = prior_of_category(run, category, prior)
    if not learns_jointly(run):
        return own
    assert isinstance(own, EmbeddedPrior)
    return load_adapted(run.joint_prior(category.name), own)


def prior_of_category(
    run: RunFolder, category: Category, prior: LatentDiffusion
) -> LatentDiffusion:
    """The prior in which a category's concepts are learned; fitted now where that is missing.

    Raises:
        InputError: if a fitted prior is there, but of other images.
    """
    if not adapts(run, prior):
        return prior
    assert isinstance(prior, EmbeddedPrior)
    settings, path = run.settings.adapt, run.adapted_prior(category.name)
    with (
        nullcontext() if path.exists() else timed(run.concepts(category.name), "adapt"),
        progress_bar(f"adapt {category.name}", settings.steps) as done,
    ):
        return adapt(
            prior,
            category.train,
            path,
            settings=settings,
            seed=seed_of(run.settings.seed, "adapt"),
            on_step=done,
        )
