import json
from pathlib import Path

import pytest
from examples import NORMALS, square, tiny

from anogen.detection.contract import Batch
from anogen.detection.mixing import Mixture, ProceduralSource
from anogen.detection.settings import MixtureSettings
from anogen.detection.training import CHECKPOINT, LOG, _means, train
from anogen.errors import InputError

STEPS = 14


class KilledError(Exception):
    pass


def run(folder: Path, *, kill_at: int | None = None, name: str = "unet", seed: int = 3) -> None:
    detector, mixture = tiny(name, steps=STEPS)
    step_of = detector.step
    taken = 0

    def step(batch: Batch) -> dict[str, float]:
        nonlocal taken
        taken += 1
        if taken == kill_at:
            raise KilledError
        return step_of(batch)

    detector.step = step  # type: ignore[method-assign]
    train(detector, mixture, steps=STEPS, seed=seed, folder=folder, checkpoint_every=4)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["unet", "destseg"])
def test_resumed_training_ends_with_the_same_bytes(tmp_path: Path, name: str) -> None:
    run(tmp_path / "unbroken", name=name)
    broken = tmp_path / "broken"
    # Killed in step 7 (after the checkpoint of 4), then in step 14 (after that of 12).
    for kill_at in (7, 10):
        with pytest.raises(KilledError):
            run(broken, kill_at=kill_at, name=name)
    assert (broken / CHECKPOINT).exists()
    with (broken / LOG).open("a") as log:
        log.write('{"step": 13, "tot')  # what a kill within a write leaves
    run(broken, name=name)
    assert files(broken) == files(tmp_path / "unbroken")
    assert files(broken).keys() == {"model.safetensors", LOG}


def test_log_has_a_line_per_interval_and_checkpoint(tmp_path: Path) -> None:
    run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 10, 12, 14]
    assert all(line["total"] == pytest.approx(line["focal"]) for line in lines)


def test_log_holds_means_since_the_last_line(tmp_path: Path) -> None:
    run(tmp_path)
    detector, mixture = tiny("unet", steps=STEPS)
    totals = [detector.step(mixture.batch(step, seed=3))["total"] for step in range(8)]
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines[0]["total"] == pytest.approx(sum(totals[:4]) / 4)
    assert lines[1]["total"] == pytest.approx(sum(totals[4:]) / 4)


def test_finished_training_is_loaded_not_repeated(tmp_path: Path) -> None:
    run(tmp_path)
    before = files(tmp_path)
    run(tmp_path, kill_at=1)  # a single step would raise
    assert files(tmp_path) == before


def test_other_training_in_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        run(tmp_path, kill_at=7)
    with pytest.raises(InputError, match="other seed"):
        run(tmp_path, seed=4)
    run(tmp_path)
    with pytest.raises(InputError, match="other seed"):
        run(tmp_path, seed=4)
    detector, _ = tiny("unet", steps=STEPS)
    source = ProceduralSource(square, name="square")
    other = Mixture(NORMALS[:2], [source], settings=MixtureSettings(), batch_size=3)
    with pytest.raises(InputError, match="other training images"):
        train(detector, other, steps=STEPS, seed=3, folder=tmp_path)


def test_damaged_checkpoint_is_said(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"nonsense")
    with pytest.raises(InputError, match="damaged"):
        run(tmp_path)


def test_a_line_of_the_log_may_span_two_stages() -> None:
    # DeSTSeg's student has other parts of the loss than its head; a stage ends where it likes.
    parts = [
        {"cosine": 4.0, "total": 4.0},
        {"focal": 1.0, "total": 1.0},
        {"focal": 2.0, "total": 2.0},
    ]
    assert _means(parts) == {"focal": 1.5, "total": pytest.approx(7 / 3)}
