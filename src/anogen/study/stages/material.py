"""What every stage starts from: the prior, the categories of a run, and their support sets."""

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError

from anogen.concept.concept import Concept
from anogen.concept.views import Shot
from anogen.data.dataset import read_dataset
from anogen.data.images import read_image, read_mask, to_rgb8
from anogen.data.listing import images_below
from anogen.data.sample import Category, Sample, SupportSet
from anogen.data.shapes import shapes_of
from anogen.data.support import draw_support, evaluation_samples
from anogen.data.validation import validate
from anogen.errors import InputError
from anogen.files import sha256_of
from anogen.placement.foreground import small_shape
from anogen.prior.contract import LatentDiffusion
from anogen.prior.embedded import EmbeddedPrior
from anogen.prior.loading import load_prior
from anogen.study.run_folder import RunFolder
from anogen.study.settings import RunSettings, SupportSettings
from anogen.study.stages.drawn_regions import problems_of_regions
from anogen.synthesis.contract import Support

Pairs = list[tuple[Category, SupportSet]]


def prior_of(settings: RunSettings) -> LatentDiffusion:
    """The prior that the settings name.

    Raises:
        InputError: if there is none, its file is damaged, or the settings would change a prior
            that cannot be changed.
    """
    try:
        prior = load_prior(settings.prior, image_size=settings.prior_image_size)
    except (SafetensorError, RuntimeError, KeyError, ValueError, OSError) as error:
        raise InputError(
            f"{settings.prior}: damaged, or no prior of this version; fetch or train it again."
        ) from error
    changes = {
        "adapt.steps": settings.adapt.steps,
        "concept.joint_rank": settings.concept.joint_rank,
    }
    for setting, value in changes.items():
        if value > 0 and not isinstance(prior, EmbeddedPrior):
            raise InputError(
                f"setting {setting}: only priors of the embedded kind can be changed, and "
                f"{settings.prior} is another; set it to 0."
            )
    _need_words(settings, prior)
    return prior


def _need_words(settings: RunSettings, prior: LatentDiffusion) -> None:
    """Refuse words to start from that the prior does not know, before any work.

    Raises:
        InputError: naming the setting, and what to write instead.
    """
    words: list[tuple[str, str, tuple[str, ...], str]] = [
        ("concept.init", settings.concept.init, ("auto", "mean"), "auto")
    ]
    if settings.learns_masks:
        words.append(("masks.init", settings.masks.init, ("random",), "random"))
    for setting, word, no_words, instead in words:
        if word in no_words:
            continue
        try:
            prior.word_tokens(word)
        except InputError as error:
            raise InputError(
                f"setting {setting}={word}: {str(error).rstrip('.')}; use --set {setting}="
                f"{instead}, or another prior (--prior)."
            ) from error


def check_dataset(run: RunFolder) -> list[str]:
    """Decode the whole dataset and look for all other files that the settings name.

    Returns:
        Notices that stop nothing.

    Raises:
        InputError: with one sentence a line for everything that is wrong.
    """
    settings = run.settings
    dataset, support = settings.dataset, settings.support
    outcome = validate(
        Path(dataset.root),
        layout=dataset.layout,
        categories=dataset.categories,
        defects=dataset.defects,
        shots=support.shots if _drawn(support) else None,
    )
    problems = [*outcome.problems, *_problems_beside(settings, outcome.categories)]
    if problems:
        raise InputError("\n".join(problems))
    return outcome.notices


def _drawn(support: SupportSettings) -> bool:
    """Whether the shots are drawn by seed, so that there must be enough to draw from."""
    return support.listing is None and not support.official and support.split == "shots"


def _problems_beside(settings: RunSettings, categories: Sequence[Category]) -> list[str]:
    """Sentences about files outside of the categories, which later stages would stumble over."""
    problems = []
    textures = settings.training.textures
    if textures is not None and not images_below(Path(textures)):
        problems.append(f"training.textures: {textures} holds no images; name another folder.")
    rules = settings.placement
    problems += problems_of_regions(
        categories,
        {"legal": rules.legal, "forbidden": rules.forbidden},
        Path(settings.dataset.root),
    )
    if rules.foreground == "median":
        problems += _problems_of_shapes(categories)
    return problems


def _problems_of_shapes(categories: Sequence[Category]) -> list[str]:
    """Sentences about good images that have no median, since they are shaped differently."""
    problems = []
    for category in categories:
        keys: dict[tuple[int, int], str] = {}
        for shape, key in shapes_of(category).items():
            keys.setdefault(small_shape(*shape), key)
        if len(keys) > 1:
            first, other = list(keys.values())[:2]
            problems.append(
                f"placement.foreground=median: good images are of one shape for it, but {first} "
                f"and {other} are not; use otsu or grabcut."
            )
    return problems


def categories_of(run: RunFolder) -> Pairs:
    """Each category of the run with its support set.

    Raises:
        InputError: for everything that is wrong about the dataset's structure or its support set.
    """
    dataset = run.settings.dataset
    if run.config.exists() and not Path(dataset.root).is_dir():
        raise InputError(
            f"{dataset.root}: the run's dataset is not there any more; put it back, or write its "
            f"new place into {run.config} (dataset.root)."
        )
    found = read_dataset(
        Path(dataset.root),
        layout=dataset.layout,
        categories=dataset.categories,
        defects=dataset.defects,
    )
    pairs = [(category, support_of(category, run.settings.support)) for category in found]
    for category, shots in pairs:
        if not shots.shots:
            raise InputError(
                f"{category.name}: no defect type has masks, so there is nothing to learn from; "
                "add masks for at least one type, or leave the category out with --category."
            )
        if not evaluation_samples(
            category, shots, include_support=run.settings.evaluation.include_support
        ):
            raise InputError(
                f"{category.name}: without the support images there is no image left to test on; "
                "lower --shots, or add images of good parts or defects."
            )
    return pairs


def support_of(category: Category, settings: SupportSettings) -> SupportSet:
    """The support set of a category, as the settings choose it.

    Raises:
        InputError: with one sentence a line for what is wrong about it.
    """
    return draw_support(
        category,
        shots=settings.shots,
        seed=settings.draw,
        listing=None if settings.listing is None else Path(settings.listing),
        official=settings.official,
        split=settings.split,
    )


def supports_of(samples: tuple[Sample, ...]) -> list[Support]:
    """Support images as they are on disk, with their masks."""
    supports: list[Support] = []
    for sample in samples:
        image = read_image(sample.image, name=sample.key)
        assert sample.mask is not None
        supports.append((image, read_mask(sample.mask, image.shape[:2], name=sample.key)))
    return supports


def shots_of(samples: tuple[Sample, ...]) -> list[Shot]:
    """Support images as Stage 1 wants them."""
    return [
        Shot(sample.key, sha256_of(sample.image), to_rgb8(image), mask)
        for sample, (image, mask) in zip(samples, supports_of(samples), strict=True)
    ]


def need_shots(concept: Concept, shots: Sequence[Shot], path: Path) -> None:
    """Refuse what was learned from other images.

    Raises:
        InputError: naming the file and the defect.
    """
    if {shot["sha256"] for shot in concept.shots} != {shot.sha256 for shot in shots}:
        raise InputError(
            f"{path}: learned from other images than the dataset's shots of {concept.defect} now; "
            "put the dataset back, or start another run."
        )
