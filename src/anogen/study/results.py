"""``results.json``: what every detector run scored, and what the generated arm gained."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anogen.errors import InputError
from anogen.files import write_json
from anogen.study.protocol import Protocol

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Distance = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Score = Annotated[float, Field(allow_inf_nan=False)]
Difference = Annotated[float, Field(ge=-1, le=1)]
Verdict = Literal["helps", "no difference", "hurts"]

PROCEDURAL = "procedural"
GENERATED = "generated"
BOTH = "procedural+generated"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ImageMetrics(_Part):
    """Image-level metrics in [0, 1]; None where the test set has one class only.

    The threshold is the image score from which F1-max is reached; results of older versions have
    none.
    """

    auroc: Share | None = None
    ap: Share | None = None
    f1max: Share | None = None
    threshold: Score | None = None


class PixelMetrics(_Part):
    """Pixel-level metrics in [0, 1], and the threshold of F1-max; None where there are no masks.

    ``ap_by_type`` is the mean over the types of defects of the average precision on the good images
    and those of the type, ``located`` the share of defective images at which the highest score is
    at a defect; results of older versions have neither.
    """

    auroc: Share | None = None
    ap: Share | None = None
    ap_by_type: Share | None = None
    f1max: Share | None = None
    threshold: Score | None = None
    pro: Share | None = None
    located: Share | None = None


class DefectMetrics(_Part):
    """Metrics on the good test images and those of one defect."""

    image: ImageMetrics = ImageMetrics()
    pixel: PixelMetrics = PixelMetrics()


class Run(_Part):
    """One trained and evaluated detector.

    Attributes:
        category: category of the product.
        detector: name of the detector.
        arm: which anomalies it trained on: ``procedural``, ``generated``,
            ``procedural+generated``, or an arm of a study.
        seed: seed of its training.
        image: image-level metrics on the held-out images.
        pixel: pixel-level metrics on the held-out images.
        defects: the same for each defect alone, against all good images.
        counts: numbers of images: normals, support, excluded, test_good, test_defective, ...
        seconds: durations by stage.
        settings_hash: hash of the settings that the detector depends on.
        protocol: how it was measured; None in files of versions that did not write it.
        review: digest of what a reviewer changed about the bank it trained on; None for nothing.
        versions: versions of the package and libraries by name.
    """

    category: str
    detector: str
    arm: str
    seed: int
    image: ImageMetrics = ImageMetrics()
    pixel: PixelMetrics = PixelMetrics()
    defects: dict[str, DefectMetrics] = {}
    counts: dict[str, Count] = {}
    seconds: dict[str, Seconds] = {}
    settings_hash: str
    protocol: Protocol | None = None
    review: str | None = None
    versions: dict[str, str] = {}

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What identifies the run among the results."""
        return self.category, self.detector, self.arm, self.seed

    @property
    def folder(self) -> str:
        """The detector's folder, relative to the run directory."""
        return f"detectors/{self.category}/{self.detector}-{self.arm}-{self.seed}"


class Gain(_Part):
    """The paired difference of an arm with generated images to one without.

    Attributes:
        category: category of the product.
        detector: name of the detector.
        base: the arm without; the procedural one in files of versions that compared no other.
        arm: the arm with generated images.
        metric: one of :data:`~anogen.study.gain.METRICS`.
        defect: the defect that it speaks of; None for all together.
        mean: mean difference over the pairs of seeds.
        low: lower end of the 95 % bootstrap interval.
        high: upper end.
        seeds: number of pairs.
        verdict: ``helps`` if the interval lies above zero, ``hurts`` if below.
    """

    category: str
    detector: str
    base: str = PROCEDURAL
    arm: str = BOTH
    metric: str
    defect: str | None = None
    mean: Difference
    low: Difference
    high: Difference
    seeds: Annotated[int, Field(ge=1)]
    verdict: Verdict


class Classification(_Part):
    """How often a classifier trained on generated images names the type of a held-out defect.

    Attributes:
        category: category of the product.
        network: what training started from.
        seed: number of its training.
        accuracy: over all held-out images of the types that it knows; None where there are none.
        defects: the same for the images of each type that has some.
        labels: the types that it knows, sorted.
        images: number of held-out images.
    """

    category: str
    network: str
    seed: int
    accuracy: Share | None
    defects: dict[str, Share]
    labels: tuple[str, ...]
    images: Count


class Generation(_Part):
    """How good and how diverse the generated images of a defect are.

    Attributes:
        category: category of the product.
        defect: the defect; None for the mean over the category's defects.
        network: the feature network; values of different networks cannot be compared.
        images: generated images that were looked at.
        shots: shots that they were learned from.
        held_out: real images that KID compares with.
        inception_score: larger is better; 1 at least.
        ic_lpips: mean distance of images around the same shot; larger is more diverse. None where
            no shot has two.
        clusters: shots that have two images or more.
        lpips: mean perceptual distance of two images; None for a single one.
        kid: distance to the held-out images; smaller is better, and by chance below zero. None
            where there are fewer than two.
    """

    category: str
    defect: str | None
    network: str
    images: Count
    shots: Count
    held_out: Count
    inception_score: Annotated[float, Field(ge=0.99, allow_inf_nan=False)]
    ic_lpips: Distance | None
    clusters: Count
    lpips: Distance | None
    kid: Annotated[float, Field(allow_inf_nan=False)] | None


class Results(_Part):
    """The whole of ``results.json``."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    runs: tuple[Run, ...] = ()
    gain: tuple[Gain, ...] = ()
    classification: tuple[Classification, ...] = ()
    generation: tuple[Generation, ...] = ()


def metric_of(run: Run, metric: str, defect: str | None = None) -> float | None:
    """The value of ``metric`` (``image_auroc``, ``pixel_ap``, ...) of a run or one defect of it.

    Returns None where it does not exist.
    """
    level, _, name = metric.partition("_")
    if defect is not None and defect not in run.defects:
        return None
    source = run if defect is None else run.defects[defect]
    value: float | None = getattr(getattr(source, level), name)
    return value


def write_results(path: Path, results: Results) -> None:
    """Write ``results.json`` atomically, runs and gains in a fixed order."""
    ordered = results.model_copy(
        update={
            "runs": tuple(sorted(results.runs, key=lambda run: run.key)),
            "gain": tuple(
                sorted(
                    results.gain,
                    key=lambda gain: (gain.category, gain.detector, gain.metric, gain.defect or ""),
                )
            ),
        }
    )
    write_json(path, ordered.model_dump(mode="json", by_alias=True))


def read_results(path: Path) -> Results:
    """Read ``results.json``.

    Raises:
        InputError: if the file is missing or does not have the form of results.
    """
    if not path.is_file():
        raise InputError(f"{path}: there are no results yet; run `anogen evaluate` first.")
    try:
        return Results.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(
            f"{path}: no valid results ({where}: {first['msg']}); run `anogen evaluate` again."
        ) from error
