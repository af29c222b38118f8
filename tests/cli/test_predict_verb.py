"""``anogen predict``: images of any size and kind, and sentences for everything that is wrong."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anogen.data.images import read_image, to_rgb8, write_png
from anogen.data.resizing import resize_image
from anogen.detection.saved import load_detector, make_detector
from anogen.detection.settings import preset
from anogen.study.results import ImageMetrics, Results, Run, write_results

SIDE = 64
ARMS = ("procedural", "procedural+generated")


def saved(path: Path, *, seed: int) -> Path:
    settings = preset("unet", "quick").model_copy(
        update={"start": "random", "image_size": SIDE, "width": 4, "precision": "fp32"}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    make_detector(settings.resolved(4), seed=seed).save(path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As much of a run's folder as counts here: two arms with two seeds, and a classifier."""
    folder = tmp_path_factory.mktemp("run")
    for number, arm in enumerate(ARMS):
        for seed in (0, 1):
            file = folder / f"detectors/plate/unet-{arm}-{seed}/model.safetensors"
            saved(file, seed=2 * number + seed)
    other = folder / "detectors/plate/classifier-generated-0/model.safetensors"
    other.parent.mkdir()
    other.write_bytes(b"no detector")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wide 16 bit grey, small colour, and a JPEG in a folder below."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    write_png(folder / "wide.png", rng.integers(0, 65536, (90, 200), dtype=np.uint16))
    write_png(folder / "small.png", rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    (folder / "more").mkdir()
    Image.fromarray(rng.integers(0, 256, (70, 64), dtype=np.uint8)).save(folder / "more/third.jpg")
    return folder


def test_a_folder_of_images_of_any_size_and_depth(anogen, run, photos, tmp_path):
    out = tmp_path / "new/out"
    answer = anogen("predict", run, photos, "--out", out, "--arm", ARMS[1])
    assert answer.code == 0
    assert f"scores: {out / 'scores.csv'} (3 images)" in answer.out
    file = run / f"detectors/plate/unet-{ARMS[1]}-0/model.safetensors"
    assert f"detector: {file}" in answer.out
    rows = list(csv.DictReader((out / "scores.csv").open()))
    names = ["more/third.jpg", "small.png", "wide.png"]
    assert [row["image"] for row in rows] == [str(photos / name) for name in names]
    detector = load_detector(file)
    for row in rows:
        image = to_rgb8(read_image(Path(row["image"])))
        expected = detector.predict(resize_image(image, SIDE)[None])
        assert float(row["score"]) == pytest.approx(expected.image_scores[0], abs=1e-6)
        score_map = np.load(out / row["map"], allow_pickle=False)
        assert (score_map.dtype, score_map.shape) == (np.float16, image.shape[:2])
        assert score_map.min() >= 0
        assert score_map.max() <= 1
        picture = read_image(out / row["overlay"])
        assert (picture.dtype, picture.shape) == (np.uint8, image.shape)
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {"scores.csv", *(row[kind] for row in rows for kind in ("map", "overlay"))}


def test_a_score_does_not_depend_on_other_images_or_on_the_way_to_the_model(
    anogen, run, photos, tmp_path
):
    wide = photos / "wide.png"
    folder = run / f"detectors/plate/unet-{ARMS[0]}-1"
    options = ("--arm", ARMS[0], "--seed", 1, "--category", "plate", "--detector", "unet")
    found = []
    for number, call in enumerate(
        (
            (run, photos / "small.png", wide, *options),
            (folder, wide),
            (folder / "model.safetensors", wide),
        )
    ):
        answer = anogen("predict", *call, "--out", tmp_path / str(number), "--json")
        assert answer.code == 0
        found.append(json.loads(answer.out)[-1])
    assert found[0] == found[1] == found[2]
    assert found[0]["image"] == str(wide)
    maps = [(tmp_path / str(number) / found[0]["map"]).read_bytes() for number in range(3)]
    assert maps[0] == maps[1] == maps[2]


def test_images_are_called_defective_from_the_runs_threshold_on(anogen, run, photos, tmp_path):
    def predicted(name: str, *options: object) -> tuple[list[dict[str, str]], str]:
        answer = anogen("predict", run, photos, "--out", tmp_path / name, *options)
        assert answer.code == 0
        return list(csv.DictReader((tmp_path / name / "scores.csv").open())), answer.out

    rows, said = predicted("without")
    # Of two arms the one that trained on drawn defects.
    assert f"unet-{ARMS[1]}-0" in said
    assert "threshold: none known" in said
    assert [row["defective"] for row in rows] == ["", "", ""]
    exact = json.loads(anogen("predict", run, photos, "--out", tmp_path / "exact", "--json").out)
    highest = max(one["score"] for one in exact)
    measured = [
        Run(
            category="plate",
            detector="unet",
            arm=arm,
            seed=0,
            image=ImageMetrics(threshold=threshold),
            settings_hash="0",
        )
        for arm, threshold in ((ARMS[0], 0.0), (ARMS[1], highest))
    ]
    write_results(run / "results.json", Results(runs=tuple(measured)))
    try:
        rows, said = predicted("run")
        assert "defective: 1 of 3 images" in said
        for row in rows:
            score = next(one["score"] for one in exact if one["image"] == row["image"])
            assert row["defective"] == ("yes" if score == highest else "no")
        rows, said = predicted("given", "--threshold", 0)
        assert "threshold: 0.000000 (--threshold)" in said
        assert [row["defective"] for row in rows] == ["yes"] * 3
        rows, said = predicted("unmeasured", "--seed", 1)
        assert "threshold: none known" in said
        (run / "results.json").write_text("{")
        answer = anogen("predict", run, photos, "--out", tmp_path / "damaged")
        assert answer.code == 2
        assert "no valid results" in answer.err
    finally:
        (run / "results.json").unlink()


def test_wrong_input_is_one_sentence_and_leaves_nothing(anogen, run, photos, tmp_path):
    model = run / f"detectors/plate/unet-{ARMS[0]}-0/model.safetensors"
    (tmp_path / "note.txt").write_text("no image")
    (tmp_path / "torn.png").write_bytes((photos / "wide.png").read_bytes()[:200])
    for arm in ("procedural", "draem"):
        saved(run.parent / f"plain/detectors/plate/unet-{arm}-0/model.safetensors", seed=0)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/diary.txt").write_text("dear diary")
    write_png(tmp_path / "wide.png", np.zeros((8, 8), np.uint8))
    photo, out = photos / "wide.png", tmp_path / "out"
    arm = ("--arm", ARMS[0])
    for call, sentence in (
        ((run.parent / "plain", photo), "choose one with --arm (draem, procedural)"),
        ((model, photo, "--threshold", "nan"), "--threshold nan: give a number"),
        ((run, photo, "--arm", "cutpaste"), f"--arm cutpaste; there are: {', '.join(ARMS)}"),
        ((run, photo, *arm, "--seed", 7), "no detector with --seed 7; there are: 0, 1"),
        ((model, photo, "--seed", 0), "is one detector already; leave --seed away"),
        ((photos, photo), "holds no trained detector"),
        ((tmp_path / "none", photo), "holds no trained detector"),
        ((tmp_path / "note.txt", photo), "not a file of a detector's training, or damaged"),
        ((model, tmp_path / "nowhere.png"), "nowhere.png: no such file or folder"),
        ((model, tmp_path / "empty"), "empty: no images there"),
        ((model, tmp_path / "note.txt"), "note.txt: not a readable PNG"),
        ((model, photo, tmp_path / "torn.png"), "torn.png: the image is truncated or damaged"),
        ((model, photo, tmp_path / "wide.png"), "both would be called wide"),
    ):
        answer = anogen("predict", *call, "--out", out)
        assert (answer.code, answer.out) == (2, ""), call
        assert sentence in " ".join(answer.err.split())
        assert "problems" not in answer.err
        assert not out.exists()
        assert not list(tmp_path.glob(".*.tmp"))
    for folder, sentence in (
        (tmp_path / "full", "is not an empty folder"),
        (photos / "out", "whose images are read"),
    ):
        answer = anogen("predict", model, photos, "--out", folder)
        assert answer.code == 2
        assert sentence in answer.err
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["diary.txt"]


def test_a_detector_is_carried_away_as_onnx(anogen, run, tmp_path):
    pytest.importorskip("onnxscript")
    out = tmp_path / "new/detector.onnx"
    answer = anogen("detector", "export", run, "--out", out)
    assert answer.code == 0
    assert f"unet-{ARMS[1]}-0" in answer.out
    assert "threshold: none known" in answer.out
    assert f"exported: {out} (image: uint8 N x {SIDE} x {SIDE} x 3, RGB)" in answer.out
    assert out.stat().st_size > 1000
    answer = anogen("detector", "export", run, "--out", tmp_path)
    assert (answer.code, "is a folder; name the file" in answer.err) == (2, True)


def test_a_file_of_another_kind_is_no_detector(anogen, small_prior_file, photos, tmp_path):
    answer = anogen("predict", small_prior_file, photos / "wide.png", "--out", tmp_path / "out")
    assert answer.code == 2
    assert "not a file of a detector's training" in answer.err
