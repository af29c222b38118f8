"""Networks whose weights cannot be had are told before any work."""

from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from anogen.cli import main
from anogen.detection import recognition, teacher
from anogen.errors import InputError
from anogen.study.settings import resolve
from anogen.study.stages.networks import check_networks


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and nothing of the hub on this machine."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def settings_with(preset: str, *overrides: str):
    return resolve(preset, {"dataset": {"root": "data"}}, overrides=overrides)


def test_all_of_them_are_told_together_with_what_to_write() -> None:
    settings = settings_with(
        "paper",
        "method=anomalydiffusion",
        "evaluation.generation_network=resnet18",
        "training.detectors=[unet,draem,destseg]",
        "detectors.draem.start=gone.safetensors",
        "detectors.destseg.teacher=owner/model",
    )
    with pytest.raises(InputError) as error:
        check_networks([settings, settings])
    lines = str(error.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "setting classifier.network=resnet34",
        "setting evaluation.generation_network=resnet18",
        "detectors.draem.start",
        "setting detectors.destseg.teacher=owner/model",
    ]
    assert "cannot be fetched from the hub" in lines[0]
    assert "--set classifier.network=efficientnet-lite0 needs no download." in lines[0]
    assert "gone.safetensors is neither random nor pretrained nor a file" in lines[2]


def test_what_no_stage_will_use_is_not_looked_for() -> None:
    check_networks([settings_with("quick", "classifier.network=resnet34")])
    check_networks(
        [
            settings_with(
                "quick",
                "classifier.network=resnet34",
                "training.classifier=true",
                "training.arms=[draem]",
            )
        ]
    )


def test_what_is_here_passes_and_leaves_the_random_state_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    monkeypatch.setattr(recognition, "lite0_weights", lambda: made.append("lite0") or _untrained())
    monkeypatch.setattr(teacher, "lite0_weights", recognition.lite0_weights)
    state = torch.get_rng_state()
    settings = settings_with(
        "paper",
        "method=anomalydiffusion",
        "classifier.network=efficientnet-lite0",
        "training.detectors=[unet,destseg]",
        "detectors.destseg.teacher=efficientnet-lite0",
    )
    check_networks([settings])
    # Classifier, generation metrics and teacher.
    assert made == ["lite0"] * 3
    assert torch.equal(state, torch.get_rng_state())


def _untrained() -> dict[str, torch.Tensor]:
    return recognition.WholeEfficientNetLite0().state_dict()


@pytest.mark.parametrize("verb", ["run", "study"])
def test_a_command_stops_before_it_learns(
    verb: str,
    small_dataset: Path,
    small_prior_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    lacking = ["training.classifier=true", "classifier.network=resnet34"]
    arguments = ["run", str(small_dataset), "--prior", str(small_prior_file)]
    if verb == "study":
        arguments = ["study", "anomalydiffusion-table2", "--dataset", str(small_dataset)]
        lacking.append(f"prior={small_prior_file}")
    arguments += ["--out", str(out)]
    for override in lacking:
        arguments += ["--set", override]
    monkeypatch.setattr("sys.argv", ["anogen", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "setting classifier.network=resnet34: " in capsys.readouterr().err
    assert not out.exists()
