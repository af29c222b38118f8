"""Classifiers and generation metrics of a whole small run, and what thirds leave to test on."""

from pathlib import Path

import numpy as np
import pytest

from anogen.bank.bank import Bank
from anogen.data.loading import load_rgb
from anogen.data.support import evaluation_samples
from anogen.detection.classifier import load_classifier
from anogen.errors import InputError
from anogen.study.pipeline import run_all
from anogen.study.report import write_report
from anogen.study.results import Generation, Results, read_results
from anogen.study.run_folder import RunFolder, open_run
from anogen.study.settings import RunSettings, resolve
from anogen.study.stages.classification import measure_classifiers
from anogen.study.stages.evaluate import evaluate
from anogen.study.stages.material import categories_of
from anogen.study.stages.planned import plan

SMALL = (
    "concept.steps=2",
    "concept.check_every=2",
    "concept.views=1",
    "concept.batch_size=2",
    "synthesis.steps=2",
    "synthesis.batch_size=8",
    "bank.pairs=5",
    "bank.attempts=1",
    "bank.least_change=0.0",
    "bank.smallest_area=0",
    "bank.most_filled=1.0",
    "bank.least_on_object=0",
    "bank.most_seam=1",
    "bank.least_distance=0",
    "support.split=thirds",
    "training.seeds=1",
    "training.arms=[generated]",
    "training.detectors=[unet]",
    "training.classifier=true",
    "detectors.unet.image_size=64",
    "detectors.unet.start=random",
    "detectors.unet.width=4",
    "detectors.unet.steps=2",
    "detectors.unet.batch_size=2",
    "detectors.unet.precision=fp32",
    "classifier.network=random",
    "classifier.image_size=32",
    "classifier.epochs=null",
    "classifier.steps=2",
    "evaluation.generation=true",
    "evaluation.generation_network=random",
    "evaluation.generation_images=4",
)


def settings_of(dataset: Path, prior: Path, *overrides: str) -> RunSettings:
    given = {"dataset": {"root": str(dataset)}, "prior": str(prior)}
    return resolve("quick", given, overrides=(*SMALL, *overrides))


@pytest.fixture(scope="module")
def run(
    small_dataset: Path, small_prior_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "thirds"
    run_all(path, settings_of(small_dataset, small_prior_file), command=["anogen"])
    return open_run(path)


def test_thirds_of_seven_images_leave_five_of_each_type(run: RunFolder) -> None:
    counts = read_results(run.results).runs[0].counts
    assert counts["support"] == counts["excluded"] == 2 * (7 // 3)
    assert counts["test_defective"] == 2 * (7 - 7 // 3)
    assert "learned_and_tested" not in counts
    assert len(Bank(run.bank("plate"))) == 2 * 5  # bank.pairs


def test_accuracy_is_over_the_whole_test_set(run: RunFolder) -> None:
    (found,) = read_results(run.results).classification
    assert found.labels == ("line", "spot")
    assert found.images == 10
    (pair,) = categories_of(run)
    tested = [sample for sample in evaluation_samples(*pair) if not sample.is_good]
    classifier = load_classifier(
        run.path / "detectors/plate/classifier-generated-0/model.safetensors"
    )
    named = classifier.predict(load_rgb(tested, 32)).argmax(axis=1)
    right = [["line", "spot"][n] == s.label for n, s in zip(named, tested, strict=True)]
    assert found.accuracy == pytest.approx(np.mean(right))
    assert np.mean(list(found.defects.values())) == pytest.approx(found.accuracy)
    assert found.network == "untrained EfficientNet-Lite0"


def test_generation_metrics_of_each_defect_and_their_mean(run: RunFolder) -> None:
    mean, line, spot = read_results(run.results).generation
    assert (mean.defect, line.defect, spot.defect) == (None, "line", "spot")
    for row in (line, spot):
        accepted = sum(1 for _ in Bank(run.bank("plate")).accepted(row.defect))
        assert row.images == min(4, accepted)  # of five
        assert row.images > 1
    assert mean.images == line.images + spot.images
    assert (line.shots, line.held_out) == (2, 5)
    assert mean.inception_score == pytest.approx((line.inception_score + spot.inception_score) / 2)
    assert line.lpips is not None
    assert line.lpips > 0
    assert line.kid is not None
    assert spot.images == 4
    assert spot.clusters >= 1  # around two shots
    assert spot.ic_lpips is not None
    assert {row.network for row in (mean, line, spot)} == {"untrained EfficientNet-Lite0"}


def test_the_report_tells_both_and_names_the_network(run: RunFolder) -> None:
    page = write_report(run.path).read_text()
    assert "Generated images in numbers" in page
    assert "Features of untrained EfficientNet-Lite0" in page
    results = read_results(run.results)
    accuracy = results.classification[0].accuracy
    assert accuracy is not None
    assert f">{100 * accuracy:.1f}</td>" in page


def test_evaluating_again_gives_the_same_bytes(run: RunFolder) -> None:
    before = run.results.read_bytes()
    run.results.unlink()
    evaluate(run, categories_of(run))
    assert run.results.read_bytes() == before


def test_without_its_classifier_a_run_is_not_evaluated(run: RunFolder, tmp_path: Path) -> None:
    model = run.path / "detectors/plate/classifier-generated-0/model.safetensors"
    model.rename(tmp_path / "model")
    try:
        with pytest.raises(InputError, match="the classifier is not trained on the bank"):
            measure_classifiers(run, categories_of(run))
    finally:
        (tmp_path / "model").rename(model)


def test_a_leak_is_counted_in_the_results(
    small_dataset: Path, small_prior_file: Path, tmp_path: Path
) -> None:
    settings = settings_of(
        small_dataset,
        small_prior_file,
        "support.split=thirds-leaking",
        "training.classifier=false",
        "evaluation.generation=false",
        "bank.pairs=1",
    )
    results = run_all(tmp_path / "run", settings, command=["anogen"])
    assert results.runs[0].counts["learned_and_tested"] == 2
    assert results.runs[0].counts["test_defective"] == 10
    assert results.classification == results.generation == ()
    page = (tmp_path / "run/report/index.html").read_text()
    assert "learned from and tested on" in page
    assert "Generated images in numbers" not in page


def test_measuring_generation_changes_no_hash(small_dataset: Path, small_prior_file: Path) -> None:
    hashes = {
        RunFolder(Path("x"), settings_of(small_dataset, small_prior_file, change)).settings_hash(
            "unet", "generated"
        )
        for change in ("evaluation.generation=false", "evaluation.generation_images=9")
    }
    assert len(hashes) == 1


def test_pairs_go_round_all_good_images(small_dataset: Path, small_prior_file: Path) -> None:
    settings = settings_of(small_dataset, small_prior_file, "bank.pairs=19")
    ((category, _),) = categories_of(RunFolder(Path("x"), settings))
    planned = plan(category, ["line", "spot"], settings.bank, seed=0)
    assert len(planned) == len({item.id for item in planned}) == 2 * 19
    for defect in ("line", "spot"):
        places = [item.place for item in planned if item.defect == defect]
        # Eight good images: two whole rounds and three images of a third.
        assert [places.count(number) for number in range(3)] == [8, 8, 3]
    fewer = settings.bank.model_copy(update={"pairs": 11})
    assert {item.id for item in plan(category, ["line"], fewer, seed=0)} < {p.id for p in planned}


def test_metrics_that_do_not_exist_survive_json() -> None:
    row = Generation(
        category="plate",
        defect="spot",
        network="x",
        images=1,
        shots=1,
        held_out=0,
        inception_score=1.0,
        ic_lpips=None,
        clusters=0,
        lpips=None,
        kid=None,
    )
    results = Results(generation=(row,))
    again = Results.model_validate_json(results.model_dump_json(by_alias=True))
    assert again == results
