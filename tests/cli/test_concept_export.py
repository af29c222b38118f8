"""``anogen export --format textual-inversion``, as a user calls it, read by diffusers itself."""

from pathlib import Path
from typing import Any

import pytest
import small_models
import torch

from anogen.concept.concept import Concept
from anogen.concept.spatial_encoder import new_spatial_encoder
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """diffusers' pipeline of a small Stable Diffusion, whose folder is the prior."""
    folder = tmp_path_factory.mktemp("models") / "sd"
    made = small_models.stable_diffusion(folder)
    made.prior_folder = folder
    return made


def make_run(path: Path, prior: Path | str, tokens: dict[str, torch.Tensor]) -> Path:
    """A run with concepts ``category/defect`` and nothing else."""
    settings = resolve("quick", {"dataset": {"root": "data"}, "prior": str(prior)})
    run = RunFolder(path, settings)
    run.write_config(command=["anogen"])
    for name, values in tokens.items():
        category, defect = name.split("/")
        Concept(category, defect, values, "0" * 16).save(run.concept(category, defect))
    return path


def test_diffusers_loads_what_the_command_wrote(anogen, pipeline, tmp_path):
    generator = torch.Generator().manual_seed(0)
    tokens = {
        name: torch.randn((count, 32), generator=generator)
        for name, count in (("bolt/bent", 2), ("Metal nut/bent", 1), ("bolt/worn thread", 3))
    }
    run, out = make_run(tmp_path / "run", pipeline.prior_folder, tokens), tmp_path / "out"
    answer = anogen("export", run, "--format", "textual-inversion", "--out", out)
    assert answer.code == 0
    words = {
        "Metal nut/bent": "<metal_nut-bent>",
        "bolt/bent": "<bolt-bent>",
        "bolt/worn thread": "<bolt-worn_thread>",
    }
    lines = [f"{out}/{name}.safetensors: {word}" for name, word in words.items()]
    assert answer.out.splitlines() == [*lines, f"exported: {out} (3 concepts)"]
    for name, word in words.items():
        pipeline.load_textual_inversion(str(out / f"{name}.safetensors"))
        ids = pipeline.tokenizer(
            pipeline.maybe_convert_prompt(word, pipeline.tokenizer), add_special_tokens=False
        ).input_ids
        rows = pipeline.text_encoder.get_input_embeddings().weight[ids]
        torch.testing.assert_close(rows, tokens[name])
    only = ("--category", "bolt", "--out", tmp_path / "bolts")
    assert anogen("export", run, "--format", "textual-inversion", *only).code == 0
    written = sorted((tmp_path / "bolts").rglob("*.safetensors"))
    assert [path.stem for path in written] == ["bent", "worn thread"]
    for arguments, sentence in (
        (("--out", out), f"{out}: is not an empty folder"),
        (("--out", tmp_path / "x", "--category", "nail"), "no concept of nail; there are: Metal"),
    ):
        answer = anogen("export", run, "--format", "textual-inversion", *arguments)
        assert (answer.code, answer.err.count("\n")) == (2, 1)
        assert sentence in answer.err


def test_what_diffusers_cannot_load_is_refused_in_one_sentence(
    anogen, pipeline, tmp_path, small_prior_file
):
    small_models.ldm_text2img(tmp_path / "ldm")
    row = {"bolt/bent": torch.zeros(1, 32)}
    runs = {
        "embedded": (make_run(tmp_path / "a", "embedded", row), "it has no text encoder; learn"),
        "file": (make_run(tmp_path / "b", small_prior_file, row), "it has no text encoder; learn"),
        "ldm": (make_run(tmp_path / "c", tmp_path / "ldm", row), "no textual inversions into it"),
        "none": (make_run(tmp_path / "d", pipeline.prior_folder, {}), "nothing is learned yet"),
    }
    spatial = make_run(tmp_path / "e", pipeline.prior_folder, {})
    encoder = new_spatial_encoder("light", torch.zeros(1, 32), generator=torch.Generator())
    Concept("bolt", "bent", torch.zeros(1, 32), "0" * 16, spatial=encoder).save(
        spatial / "concepts/bolt/bent.safetensors"
    )
    runs["spatial"] = (spatial, "has a spatial encoder")
    for run, sentence in runs.values():
        out = tmp_path / "out"
        answer = anogen("export", run, "--format", "textual-inversion", "--out", out)
        assert (answer.code, answer.err.count("\n")) == (2, 1)
        assert sentence in answer.err
        assert not out.exists()
