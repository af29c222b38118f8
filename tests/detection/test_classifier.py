"""The classifier of defect types: it learns, resumes, and keeps its labels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anogen.detection.classifier import DefectClassifier, LabelledImages, load_classifier
from anogen.detection.saved import MODEL
from anogen.detection.settings import ClassifierSettings
from anogen.detection.training import train
from anogen.errors import InputError

SETTINGS = ClassifierSettings(
    network="random", image_size=32, batch_size=4, epochs=None, steps=6, learning_rate=1e-3
)


def striped(count: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Noisy images with dark rows (``scratch``), dark columns (``crack``) or neither (``dent``)."""
    rng = np.random.default_rng(seed)
    images = rng.integers(120, 160, (3 * count, 32, 32, 3), dtype=np.uint8)
    images[:count, ::4] = 20
    images[count : 2 * count, :, ::4] = 20
    return images, ["scratch"] * count + ["crack"] * count + ["dent"] * count


def trained(folder: Path, *, kill_at: int | None = None) -> DefectClassifier:
    images, defects = striped(4)
    data = LabelledImages(images, defects, settings=SETTINGS)
    classifier = DefectClassifier(SETTINGS, data.labels, seed=5)
    step_of = classifier.step
    taken = 0

    def step(batch: object) -> dict[str, float]:
        nonlocal taken
        taken += 1
        if taken == kill_at:
            raise KeyboardInterrupt
        return step_of(batch)  # type: ignore[arg-type]

    classifier.step = step  # type: ignore[method-assign,assignment]
    train(classifier, data, steps=6, seed=1, folder=folder, checkpoint_every=3)
    return classifier


def test_resumed_training_ends_with_the_same_bytes_and_the_labels(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    whole = trained(tmp_path / "whole")
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", kill_at=5)
    trained(tmp_path / "broken")
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("whole", "broken")
    ]
    assert files[0] == files[1]
    loaded = load_classifier(tmp_path / "whole" / MODEL)
    assert loaded.labels == ("crack", "dent", "scratch")
    assert loaded.title == "untrained EfficientNet-Lite0"
    images, _ = striped(2, seed=3)
    assert np.array_equal(loaded.predict(images), whole.predict(images))
    assert whole.predict(images).sum(axis=1) == pytest.approx(1)
    assert whole.predict(images[:0]).shape == (0, 3)


def test_it_learns_what_tells_the_types_apart() -> None:
    # In batches of four, what normalisation measures is chance, and processors disagree.
    settings = SETTINGS.model_copy(
        update={"network": "efficientnet-lite0", "image_size": 64, "steps": 18, "flips": False}
        | {"batch_size": 12}
    )
    images, defects = striped(6)
    large = images.repeat(2, axis=1).repeat(2, axis=2)
    data = LabelledImages(large, defects, settings=settings)
    classifier = DefectClassifier(settings, data.labels)
    losses = [classifier.step(data.batch(step, seed=0))["cross_entropy"] for step in range(18)]
    assert losses[0] > 0.8 > np.mean(losses[-3:])
    unseen, truth = striped(4, seed=9)
    found = classifier.predict(unseen.repeat(2, axis=1).repeat(2, axis=2)).argmax(axis=1)
    accuracy = np.mean([data.labels[i] == name for i, name in zip(found, truth, strict=True)])
    assert accuracy > 0.8


def test_types_are_drawn_equally_often_and_flips_are_a_setting() -> None:
    images, defects = striped(1)
    images = np.concatenate([images, np.repeat(images[:1], 30, axis=0)])
    defects += ["scratch"] * 30
    plain = SETTINGS.model_copy(update={"flips": False, "batch_size": 300})
    data = LabelledImages(images, defects, settings=plain)
    batch = data.batch(0, seed=0)
    counts = np.bincount(batch.label.numpy())
    assert counts.sum() == 300
    assert (abs(counts - 100) < 40).all()  # five standard deviations
    first = batch.image[batch.label == 0]
    assert torch.equal(first, first[:1].expand_as(first))
    flipped = LabelledImages(
        images, defects, settings=plain.model_copy(update={"flips": True})
    ).batch(0, seed=0)
    second = flipped.image[flipped.label == 0]
    assert not torch.equal(second, second[:1].expand_as(second))


def test_the_same_batches_whatever_the_order_of_labels() -> None:
    images, defects = striped(2)
    data = LabelledImages(images, defects, settings=SETTINGS)
    assert data.labels == tuple(sorted(set(defects)))
    other = LabelledImages(images[::-1].copy(), defects, settings=SETTINGS)
    assert data.fingerprint() != other.fingerprint()
    again = LabelledImages(images, defects, settings=SETTINGS)
    assert data.fingerprint() == again.fingerprint()
    assert torch.equal(data.batch(3, seed=1).image, again.batch(3, seed=1).image)


def test_epochs_become_steps_and_nonsense_is_refused() -> None:
    settings = ClassifierSettings(epochs=3, batch_size=8)
    assert settings.resolved(17).steps == 9
    with pytest.raises(InputError, match="either epochs or steps"):
        ClassifierSettings(epochs=3, steps=3).resolved(4)
    with pytest.raises(InputError, match="two types"):
        LabelledImages(striped(1)[0][:1], ["dent"], settings=SETTINGS)
    with pytest.raises(ValueError, match="sorted"):
        DefectClassifier(SETTINGS, ["b", "a"])


def test_a_detectors_file_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a file of a detector's training"):
        load_classifier(tmp_path / MODEL)
