"""Wrong usage: what was written, what is known, what to do; exit code 2."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from anogen.data.images import write_png
from anogen.study.commented import commented
from anogen.study.settings import resolve

QUICK_DRAWS = (
    "--set",
    "concept.steps=0",
    "--set",
    "concept.views=1",
    "--set",
    "synthesis.steps=2",
    "--set",
    "bank.normals=1",
    "--set",
    "bank.attempts=1",
    "--set",
    "training.detectors=unet",
    "--set",
    "detectors.unet.image_size=64",
    "--set",
    "detectors.unet.start=random",
    "--set",
    "detectors.unet.width=4",
    "--set",
    "detectors.unet.steps=1",
    "--set",
    "training.seeds=1",
)
ACCEPT = (
    "--set",
    "bank.least_change=0",
    "--set",
    "bank.smallest_area=0",
    "--set",
    "bank.most_filled=1",
)


@pytest.fixture
def start(anogen, small_dataset, small_prior_file, tmp_path, monkeypatch):
    """Calls ``anogen run`` on the small dataset in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*options, dataset=small_dataset, verb="run"):
        return anogen(verb, dataset, "--prior", small_prior_file, *options)

    return call


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--category", "bolt"), "no category bolt; known are: plate"),
        (("--defect", "dent"), "no defect type dent; known are: line, spot"),
        (("--layout", "coco"), "setting dataset.layout"),
        (("--preset", "fast"), "unknown preset 'fast'; known are: quick, best, paper, official"),
        (("--shots", "0"), "setting support.shots"),
        (("--shots", "9"), "fewer than the 9 shots; lower --shots"),
        (("--support", "nowhere.txt"), "nowhere.txt: no such file"),
        (("--support", "official"), "no official support images"),
        (("--prior", "nowhere.safetensors"), "nowhere.safetensors"),
        (
            ("--set", "concept.stepz=3"),
            "concept.stepz: there is no such setting; did you mean steps?",
        ),
        (("--set", "concept.steps"), "write it as stage.option=value"),
        (("--set", "concept..steps=1"), "write it as stage.option=value"),
        (("--set", "concept.steps=[1"), "no valid YAML"),
        (("--set", "concept.steps=many"), "setting concept.steps: Input should be a valid integer"),
        (("--set", "concept.steps=-1"), "setting concept.steps"),
        (("--set", "concept=3"), "setting concept"),
        (("--set", "preset=paper"), "choose the preset with --preset"),
        (("--set", "training.detectors=[yolo]"), "unknown detector 'yolo'; known are: unet"),
        (("--set", "training.detectors=[unet, unet]"), "unet is named twice"),
        (("--set", "training.detectors=[]"), "setting training.detectors"),
        (("--set", "training.arms=[both]"), "unknown arm 'both'; known are: procedural"),
        (("--set", "training.procedural=anogen"), "unknown procedural synthesizer 'anogen'"),
        (("--set", "detectors.unet.steps=3"), "unet is not among training.detectors"),
        (("--set", "detectors.destseg=3"), "setting detectors.destseg"),
        (("--set", "detectors.destseg.stepz=3"), "stepz"),
        (("--set", "detectors.destseg.steps=null"), "either epochs or steps"),
        (("--set", "training.textures=nowhere"), "nowhere holds no images"),
        (("--set", "placement.legal=nowhere.png"), "no file nowhere.png in the dataset"),
        (("--set", "placement.legal=../x.png"), "the path leaves"),
        (("--set", "concept.init=scratchy"), "does not know the word 'scratchy'"),
        (("--colour",), "No such option: --colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_options(start, options, sentence):
    answer = start(*options)
    assert answer.code == 2
    assert sentence in " ".join(answer.err.split())
    assert answer.out == ""


def test_a_preset_of_epochs_takes_steps() -> None:
    given = {"dataset": {"root": "data"}}
    settings = resolve("paper", given, overrides=("detectors.draem.steps=7",))
    assert settings.detectors["draem"].steps == 7
    assert settings.detectors["draem"].epochs is None


def test_one_value_of_a_nested_setting_leaves_its_neighbours() -> None:
    given = {"dataset": {"root": "data"}}
    plain = resolve("quick", given).detectors["destseg"]
    changed = resolve(
        "quick", given, overrides=("detectors.destseg.mixture.normal_share=0.25",)
    ).detectors["destseg"]
    assert changed.mixture == plain.mixture.model_copy(update={"normal_share": 0.25})


def test_printed_settings_are_yaml_with_a_comment_for_each_value() -> None:
    settings = resolve("best", {"dataset": {"root": "data"}})
    text = commented(settings)
    assert yaml.safe_load(text) == json.loads(settings.model_dump_json())
    silent = {line.partition(":")[0].strip() for line in text.splitlines() if "#" not in line}
    # Only what names a detector or a kind of score explains itself.
    assert silent == {"draem", "destseg", "unet", "name", "kind"}


def test_a_folder_that_is_no_run(anogen, small_dataset, tmp_path):
    for verb in ("generate", "train", "evaluate", "report"):
        answer = anogen(verb, small_dataset)
        assert answer.code == 2
        assert "holds no run" in answer.err
    answer = anogen("learn", tmp_path / "nowhere")
    assert answer.code == 2
    assert "nowhere: no such folder" in answer.err


def test_an_out_that_is_taken(start, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/diary.txt").write_text("dear diary")
    answer = start("--out", "mine")
    assert answer.code == 2
    assert "mine: is no run and not empty" in answer.err
    assert (tmp_path / "mine/diary.txt").read_text() == "dear diary"


def test_an_out_that_cannot_be_made(start, tmp_path):
    (tmp_path / "file").write_text("")
    answer = start("--out", "file/run")
    assert answer.code == 2
    assert "file/run: no folder can be made there" in answer.err


def test_an_unexpected_failure_is_one_line(start, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody thought of this\nand of that")

    monkeypatch.setattr("anogen.study.pipeline.learn", fail)
    monkeypatch.delenv("ANOGEN_DEBUG", raising=False)
    answer = start("--out", "run")
    assert answer.code == 1
    last = answer.err.splitlines()[-1]
    assert "ZeroDivisionError: nobody thought of this" in last
    monkeypatch.setenv("ANOGEN_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        start("--out", "run")


def test_stages_one_by_one(anogen, start, tmp_path, small_dataset):
    """Each verb works alone, asks for the one before it, and binds to the run's settings."""
    options = (*QUICK_DRAWS, *ACCEPT, "--out", "run")
    answer = start(*options, verb="learn")
    assert (answer.code, answer.out) == (0, "concepts: run/concepts\n")
    for verb, sentence in (
        ("train", "run 'anogen generate run' first"),
        ("evaluate", "run 'anogen train run' first"),
        ("report", "there are no results yet"),
    ):
        answer = anogen(verb, "run")
        assert answer.code == 2
        assert sentence in answer.err
    answer = anogen("learn", "run", "--seed", "3")
    assert answer.code == 2
    assert "leave the options away" in answer.err
    answer = start(*options, "--seed", "3")
    assert answer.code == 2
    assert "seed: 0 there, 3 now" in answer.err

    for verb in ("learn", "generate", "train"):
        assert anogen(verb, "run").code == 0
    answer = anogen("evaluate", "run", "--json")
    assert answer.code == 0
    shown = json.loads(answer.out)
    assert shown == json.loads((tmp_path / "run/results.json").read_text())
    hashes = {run["arm"]: run["settings_hash"] for run in shown["runs"]}
    assert len(set(hashes.values())) == 2
    assert anogen("report", "run").out == "report: run/report/index.html\n"

    # The whole command takes the stages' work up, and its progress stays off stdout.
    answer = start(*options, "--json")
    assert answer.code == 0
    assert json.loads(answer.out) == shown

    moved = tmp_path / "moved"
    config = tmp_path / "run/config.yaml"
    tree = yaml.safe_load(config.read_text())
    tree["dataset"]["root"] = str(tmp_path / "gone")
    config.write_text(yaml.safe_dump(tree))
    answer = anogen("evaluate", "run")
    assert answer.code == 2
    assert "gone: the run's dataset is not there any more" in answer.err
    shutil.copytree(small_dataset, moved)
    assert start(*options, dataset=moved).code == 0
    assert yaml.safe_load(config.read_text())["dataset"]["root"] == str(moved)
    config.write_text("concept: {steps: [")
    answer = anogen("train", "run")
    assert answer.code == 2
    assert "config.yaml: not readable as YAML" in answer.err


def test_a_bank_without_an_accepted_image(start):
    answer = start(*QUICK_DRAWS, "--set", "bank.least_change=1", "--out", "run")
    assert answer.code == 2
    assert "no image was accepted" in answer.err
    # Nothing has been trained in vain.
    assert not Path("run/detectors").exists()


def test_odd_categories_run(start, small_dataset, tmp_path):
    """One good image, one test image, a defect without masks, names that need care."""
    data = tmp_path / "odd data/été & co"
    source = small_dataset / "plate"
    for name, target in (
        ("train/good/000.png", "good/the only one.png"),
        ("test/spot/000.png", "defects/deep spot/a b.png"),
        ("test/spot/001.png", "defects/deep spot/b.png"),
        ("test/line/001.png", "defects/line/b.png"),
    ):
        (data / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, data / target)
    (data / "masks/deep spot").mkdir(parents=True)
    for name, target in (("000", "a b"), ("001", "b")):
        shutil.copy(
            source / f"ground_truth/spot/{name}_mask.png", data / f"masks/deep spot/{target}.png"
        )
    answer = start(*QUICK_DRAWS, *ACCEPT, "--shots", "2", dataset=data)
    assert answer.code == 0, answer.err
    results = json.loads((tmp_path / "runs/été & co-quick/results.json").read_text())
    (first, _) = results["runs"]
    # Both masked images are shots: the defect without masks is all that is left.
    assert first["counts"]["test_defective"] == 1
    assert first["image"]["auroc"] is None
    assert first["pixel"]["ap"] is None

    write_png(data / "masks/line/b.png", np.full((64, 64), 255, np.uint8))
    answer = start(*QUICK_DRAWS, "--shots", "1", "--defect", "line", "--out", "x", dataset=data)
    assert answer.code == 2
    assert "there is no image left to test on" in answer.err
