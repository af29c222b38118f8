"""Gains: metrics on draws against scikit-learn, the bootstrap against brute force, the verdict."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from anogen.metrics.located import located
from anogen.study.gain import (
    METRICS,
    gain_of,
    gains_of,
    image_counts,
    image_draws,
    located_counts,
    metric_on_draws,
    pairs_of,
    pixel_counts,
    points,
    sentence,
    verdict_of,
)
from anogen.study.results import DefectMetrics, Gain, ImageMetrics, PixelMetrics, Results, Run
from anogen.study.scores import Scores
from anogen.study.stages.evaluate import metrics_on


def scores_with(*, power: float, images: int = 24, side: int = 8, seed: int = 0) -> Scores:
    """Half good, half of two defects; ``power`` separates defective from normal pixels."""
    rng = np.random.default_rng(seed)
    labels = np.array([("good", "crack", "good", "hole")[i % 4] for i in range(images)])
    masks = np.zeros((images, side, side), dtype=np.uint8)
    masks[labels != "good", 2:5, 3:6] = 1
    maps = rng.normal(size=masks.shape) + power * masks
    return Scores(
        keys=np.array([f"test/{(i * 7) % images:03d}.png" for i in range(images)]),
        labels=labels,
        image_scores=(rng.normal(size=images) + power * (labels != "good")).astype(np.float32),
        score_maps=maps.astype(np.float16),
        masks=masks,
        has_mask=labels != "good",
    )


def run_with(arm: str, seed: int, *, pixel_ap: float | None = 0.5, image_ap: float = 0.5) -> Run:
    return Run(
        category="tile",
        detector="draem",
        arm=arm,
        seed=seed,
        image=ImageMetrics(ap=image_ap),
        pixel=PixelMetrics(ap=pixel_ap),
        defects={"crack": DefectMetrics(pixel=PixelMetrics(ap=pixel_ap))},
        settings_hash="x",
    )


def pair(seed: int, base: float, arm: float) -> tuple[Run, Run]:
    return (
        run_with("procedural", seed, pixel_ap=base),
        run_with("procedural+generated", seed, pixel_ap=arm),
    )


def test_located_on_draws_is_the_share_of_the_drawn_defective_images() -> None:
    scores = scores_with(power=0.7)
    counts = located_counts(scores)
    known = np.flatnonzero(scores.pixels_known & scores.defective)
    order = known[np.argsort(scores.keys[known])]
    assert list(counts.keys) == list(scores.keys[order])
    found = np.array([located(scores.score_maps[row], scores.masks[row] > 0) for row in order])
    weights = image_draws(counts.defective, draws=5, rng=np.random.default_rng(1))
    shares = metric_on_draws(counts, weights, "located")
    assert shares == pytest.approx(weights @ found / len(found))
    only = counts.select("crack")
    assert set(only.labels) == {"crack"}


@pytest.mark.parametrize("defect", [None, "crack"])
def test_metrics_on_draws_equal_scikit_learn_on_repeated_images(defect: str | None) -> None:
    scores = scores_with(power=0.7)
    keep = np.isin(scores.labels, ["good", "crack", "hole"] if defect is None else ["good", defect])
    order = np.flatnonzero(keep)[np.argsort(scores.keys[keep])]
    image, pixel = image_counts(scores).select(defect), pixel_counts(scores).select(defect)
    assert list(image.keys) == list(pixel.keys) == sorted(scores.keys[keep])
    weights = image_draws(image.defective, draws=5, rng=np.random.default_rng(1))
    for metric, reference in (("ap", average_precision_score), ("auroc", roc_auc_score)):
        image_values = metric_on_draws(image, weights, metric)
        pixel_values = metric_on_draws(pixel, weights, metric)
        for draw, row in enumerate(weights.astype(int)):
            rows = np.repeat(order, row)
            expected = reference(scores.labels[rows] != "good", scores.image_scores[rows])
            assert image_values[draw] == pytest.approx(expected, abs=1e-9)
            expected = reference(
                scores.masks[rows].ravel(), scores.score_maps[rows].astype(float).ravel()
            )
            assert pixel_values[draw] == pytest.approx(expected, abs=2e-3)


def test_ap_by_type_on_draws_is_the_mean_over_the_types_that_are_drawn() -> None:
    counts = pixel_counts(scores_with(power=0.7))
    weights = image_draws(counts.defective, draws=4, rng=np.random.default_rng(1))
    weights[1, counts.labels == "hole"] = 0
    weights[2, counts.defective] = 0
    own = {
        kind: metric_on_draws(counts.select(kind), weights[:, counts.rows_of(kind)], "ap")
        for kind in ("crack", "hole")
    }
    found = metric_on_draws(counts, weights, "ap_by_type")
    assert found[[0, 3]] == pytest.approx(((own["crack"] + own["hole"]) / 2)[[0, 3]])
    assert found[1] == own["crack"][1]
    assert np.isnan(found[2])
    assert found[0] != pytest.approx(metric_on_draws(counts, weights, "ap")[0], abs=1e-3)


def test_ap_by_type_is_the_mean_of_the_types_own() -> None:
    scores = scores_with(power=0.7)
    # Half of the cracks have no mask: they take no part.
    bare = (scores.labels == "crack") & (np.arange(len(scores.keys)) < 12)
    known = Scores(**{**vars(scores), "has_mask": scores.has_mask & ~bare})
    of = {
        kind: metrics_on(known, ~known.defective | (known.labels == kind))[1]
        for kind in ("crack", "hole")
    }
    everything = metrics_on(known, np.ones(len(known.keys), bool))[1]
    crack, hole = of["crack"].ap, of["hole"].ap
    assert crack is not None
    assert hole is not None
    assert everything.ap_by_type == pytest.approx((crack + hole) / 2)
    assert of["hole"].ap_by_type == hole
    good = metrics_on(known, ~known.defective)[1]
    assert good.ap_by_type is None


def test_ties_and_signs_are_exact_in_pixel_countss() -> None:
    scores = scores_with(power=0)
    values = np.array([-2.0, -0.5, 0.0, 0.25, 1.0], dtype=np.float16)
    maps = values[np.random.default_rng(0).integers(5, size=scores.masks.shape)]
    tied = Scores(**{**vars(scores), "score_maps": maps})
    once = np.ones((1, len(scores.keys)), dtype=np.float32)
    got = metric_on_draws(pixel_counts(tied), once, "ap")[0]
    assert got == pytest.approx(average_precision_score(scores.masks.ravel(), maps.ravel()))


def test_defective_images_without_mask_take_no_part_in_pixel_metrics() -> None:
    scores = scores_with(power=1)
    unmasked = Scores(**{**vars(scores), "has_mask": scores.labels == "hole"})
    assert set(pixel_counts(unmasked).labels) == {"good", "hole"}
    assert set(image_counts(unmasked).labels) == {"good", "hole", "crack"}


def test_every_draw_keeps_the_numbers_of_good_and_defective_images() -> None:
    defective = np.array([True, False, False, True, False])
    weights = image_draws(defective, draws=50, rng=np.random.default_rng(0))
    assert (weights[:, defective].sum(axis=1) == 2).all()
    assert (weights[:, ~defective].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 10


def test_images_of_one_part_are_drawn_together() -> None:
    strata = np.array(["", "", "", "crack", "crack", "hole", "crack"])
    parts = np.array(["a", "a", "b", "a", "c", "d", "c"])
    weights = image_draws(strata, draws=200, rng=np.random.default_rng(0), parts=parts)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 4] == weights[:, 6]).all()
    assert (weights[:, 0] + weights[:, 2] == 2).all()  # two parts among the good ones
    assert (weights[:, 3] + weights[:, 4] == 2).all()  # and two among the cracks
    assert (weights[:, 5] == 1).all()
    assert (weights[:, 0] != weights[:, 3]).any()  # a good picture of a part goes its own way
    own = np.array(list("abcdefg"))
    apart = image_draws(strata, draws=9, rng=np.random.default_rng(3), parts=own)
    alone = image_draws(strata, draws=9, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(apart, alone)


def test_intervals_are_others_where_many_images_show_one_part() -> None:
    made = {
        "procedural": scores_with(power=0.2, images=48),
        "procedural+generated": scores_with(power=0.5, images=48, seed=1),
    }
    parts = {str(key): f"part {n // 8}" for n, key in enumerate(made["procedural"].keys)}
    alone, together = (
        {
            gain.metric: gain
            for gain in gains_of(
                Results(runs=measured(made)), lambda run: made[run.arm], parts=known, draws=200
            )
            if gain.defect is None
        }
        for known in ({}, {"tile": parts})
    )
    assert alone.keys() == together.keys() == {*METRICS}
    for metric in ("image_auroc", "image_ap", "pixel_auroc", "pixel_ap", "pixel_ap_by_type"):
        one, other = alone[metric], together[metric]
        assert one.mean == other.mean
        assert (one.low, one.high) != (other.low, other.high)


def test_a_defect_that_vanishes_when_it_is_shrunken_is_not_looked_for() -> None:
    scores = scores_with(power=1)
    masks = scores.masks.copy()
    masks[np.flatnonzero(scores.labels == "crack")[0]] = 0
    thin = Scores(**{**vars(scores), "masks": masks})
    assert len(located_counts(thin).keys) == len(located_counts(scores).keys) - 1


def test_mean_over_one_type_has_the_interval_of_pixel_ap() -> None:
    only = {
        arm: Scores(**{**vars(made), "labels": np.where(made.labels == "good", "good", "crack")})
        for arm, made in (
            ("procedural", scores_with(power=0.5)),
            ("procedural+generated", scores_with(power=0.9, seed=1)),
        )
    }
    found = gains_of(Results(runs=measured(only)), lambda run: only[run.arm], draws=200)
    gains = {gain.metric: gain for gain in found if gain.defect is None}
    one, other = gains["pixel_ap"], gains["pixel_ap_by_type"]
    assert (one.mean, one.low, one.high) == (other.mean, other.low, other.high)


def measured(made: dict[str, Scores]) -> tuple[Run, ...]:
    runs = []
    for arm, scores in made.items():
        image, pixel = metrics_on(scores, np.ones(len(scores.keys), bool))
        runs.append(run_with(arm, 0).model_copy(update={"image": image, "pixel": pixel}))
    return tuple(runs)


def test_mean_is_the_paired_difference_and_the_interval_comes_from_the_seeds() -> None:
    pairs = [pair(0, 0.50, 0.60), pair(1, 0.40, 0.46), pair(2, 0.55, 0.57)]
    gain = gain_of(pairs, "pixel_ap", rng=np.random.default_rng(0))
    assert gain is not None
    assert gain.mean == pytest.approx(0.06)
    # One of 27 draws of three pairs (3.7 %) takes the worst pair each time, so 2.5 % falls on it.
    assert gain.low == pytest.approx(0.02, abs=1e-9)
    assert gain.high == pytest.approx(0.10, abs=1e-9)
    assert (gain.verdict, gain.seeds) == ("helps", 3)


def test_the_interval_over_images_equals_a_bootstrap_by_hand() -> None:
    base, arm = scores_with(power=0.3, images=40), scores_with(power=0.8, images=40, seed=3)
    gain = gain_of(
        [pair(0, 0.5, 0.6)],
        "image_ap",
        counts=[(image_counts(base), image_counts(arm))],
        draws=1000,
        rng=np.random.default_rng(0),
    )
    assert gain is not None
    rng = np.random.default_rng(9)
    truth = base.labels != "good"
    differences = []
    for _ in range(250):
        rows = np.concatenate([rng.choice(np.flatnonzero(group), 20) for group in (truth, ~truth)])
        differences.append(
            average_precision_score(truth[rows], arm.image_scores[rows])
            - average_precision_score(truth[rows], base.image_scores[rows])
        )
    low, high = np.quantile(differences, [0.025, 0.975])
    assert gain.low == pytest.approx(low, abs=0.04)
    assert gain.high == pytest.approx(high, abs=0.04)


def test_one_pair_without_scores_is_refused_rather_than_called_certain() -> None:
    with pytest.raises(ValueError, match="no spread"):
        gain_of([pair(0, 0.5, 0.6)], "pixel_ap", rng=np.random.default_rng(0))


def test_equal_arms_make_no_difference_and_a_clear_one_helps_or_hurts() -> None:
    weak, strong = scores_with(power=0.2, images=80), scores_with(power=3, images=80)
    for base, arm, verdict in (
        (weak, strong, "helps"),
        (strong, weak, "hurts"),
        (weak, weak, "no difference"),
    ):
        gain = gain_of(
            [pair(0, 0.5, 0.5)],
            "pixel_ap",
            counts=[(pixel_counts(base), pixel_counts(arm))],
            rng=np.random.default_rng(0),
        )
        assert gain is not None
        assert gain.verdict == verdict


def test_runs_on_different_images_are_refused() -> None:
    first, other = scores_with(power=1), scores_with(power=1, images=28)
    with pytest.raises(ValueError, match="different images"):
        gain_of(
            [pair(0, 0.5, 0.6)],
            "image_ap",
            counts=[(image_counts(first), image_counts(other))],
            rng=np.random.default_rng(0),
        )


def test_a_metric_that_does_not_exist_has_no_gain() -> None:
    pairs = [
        (run_with("procedural", s, pixel_ap=None), run_with("procedural+generated", s))
        for s in (0, 1)
    ]
    assert gain_of(pairs, "pixel_ap", rng=np.random.default_rng(0)) is None


def test_pairs_need_equal_seeds() -> None:
    runs = [*pair(0, 0.1, 0.2), run_with("procedural", 1), run_with("procedural+generated", 2)]
    assert pairs_of(runs) == {("tile", "draem"): [pair(0, 0.1, 0.2)]}


def test_all_gains_speak_of_the_whole_and_of_each_defect_and_repeat() -> None:
    runs = tuple(run for seed in (0, 1) for run in pair(seed, 0.4, 0.5))
    made = {
        arm: scores_with(power=power)
        for arm, power in (("procedural", 0.5), ("procedural+generated", 2.0))
    }
    gains = gains_of(Results(runs=runs), lambda run: made[run.arm], draws=200)
    assert {(gain.metric, gain.defect) for gain in gains} == {
        ("image_ap", None),
        ("pixel_ap", None),
        ("pixel_ap", "crack"),
    }
    assert gains == gains_of(Results(runs=runs[::-1]), lambda run: made[run.arm], draws=200)
    assert gains_of(Results(runs=runs[:2]), lambda _: None) == ()


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.2, "helps"),
        (-0.2, -0.01, "hurts"),
        (-0.1, 0.1, "no difference"),
        (0.0, 0.0, "no difference"),
    ],
)
def test_verdict(low: float, high: float, verdict: str) -> None:
    assert verdict_of(low, high) == verdict


def test_sentences_are_plain() -> None:
    gain = Gain(
        category="screw",
        detector="draem",
        metric="pixel_ap",
        mean=0.058,
        low=0.021,
        high=0.0904,
        seeds=3,
        verdict="helps",
    )
    assert sentence(gain) == (
        "Generated images help draem on screw: pixel AP rises by 5.8 points "
        "(95 % interval +2.1 to +9.0, 3 seeds)."
    )
    worse = gain.model_copy(
        update={
            "mean": -0.012,
            "low": -0.02,
            "high": -0.001,
            "verdict": "hurts",
            "seeds": 1,
            "defect": "crack",
        }
    )
    assert sentence(worse) == (
        "Generated crack images hurt draem on screw: pixel AP falls by 1.2 points "
        "(95 % interval −2.0 to −0.1, 1 seed)."
    )
    same = gain.model_copy(update={"mean": -0.00001, "low": -0.01, "verdict": "no difference"})
    assert "no clear difference to draem on screw: pixel AP does not change (" in sentence(same)


def test_points_show_two_decimals_rather_than_nothing() -> None:
    shown = [points(value) for value in (0.0583, -0.012, 0.0004, -0.0003, 0.00001, 0.0)]
    assert shown == ["+5.8", "−1.2", "+0.04", "−0.03", "0.0", "0.0"]
