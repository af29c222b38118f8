"""Stage 1 of a run with AnomalyDiffusion's method: what lies in the folder afterwards."""

import torch

from anogen.concept.concept import load_concept
from anogen.data.images import read_image
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve
from anogen.study.stages.learn import learn
from anogen.study.stages.material import categories_of


def learned(path, dataset, prior):
    settings = resolve(
        "quick",
        {
            "dataset": {"root": str(dataset)},
            "method": "anomalydiffusion",
            "support": {"shots": 2},
            "concept": {
                "steps": 2,
                "views": 1,
                "batch_size": 4,
                "init": "defect",
                "preview_every": 1,
                "surroundings": "blank",
            },
        },
    )
    run = RunFolder(path, settings)
    ((category, support),) = categories_of(run)
    learn(run, category, support, prior)
    return run


def contents(path):
    files = [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def test_concepts_with_one_encoder_and_previews_beside_them(tmp_path, small_dataset, small_prior):
    run = learned(tmp_path / "one", small_dataset, small_prior)
    folder = run.path / "concepts" / "plate"
    names = ("line-000001", "line-000002", "spot-000001", "spot-000002")
    found = contents(folder)
    pictures = {f"previews/{name}.png" for name in names}
    assert {name for name in found if not name.endswith(".json")} == pictures | {
        "line.safetensors",
        "spot.safetensors",
    }
    size = small_prior.image_size
    assert read_image(folder / "previews" / "spot-000002.png").shape == (2 * size, 2 * size, 3)
    line, spot = (load_concept(run.concept("plate", name)) for name in ("line", "spot"))
    masks = torch.zeros(2, 1, size, size)
    masks[0, :, 4:9, 3:20] = 1
    tokens = [concept.context_tokens(masks) for concept in (line, spot)]
    assert tokens[0].shape == (2, 8 + 4, small_prior.token_dim)
    # One encoder: the same mask says the same whatever the defect.
    assert torch.equal(tokens[0][:, 8:], tokens[1][:, 8:])
    assert len(line.losses) == len(spot.losses) == 2

    again = learned(tmp_path / "two", small_dataset, small_prior)
    other = contents(again.path / "concepts" / "plate")
    assert {n: b for n, b in other.items() if not n.endswith(".json")} == {
        n: b for n, b in found.items() if not n.endswith(".json")
    }
