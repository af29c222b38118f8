"""Stages 1 and 2 at the size of Stable Diffusion 1.5, against the released code's order of work.

    OMP_NUM_THREADS=1 python benchmarks/synthesis/sd_size_speed.py stage1-released
    OMP_NUM_THREADS=1 python benchmarks/synthesis/sd_size_speed.py all

Random weights in float32, one core, 256-pixel windows: UNet of 860 M parameters, KL autoencoder,
CLIP text model. Each part runs in a process of its own, whose largest memory is kept beside its
processor seconds; parts gather in ``sd_size_speed.json`` (those that are there are not run again,
unless ``--again``) and are written out as ``sd_size_speed.md``. ``--tiny`` tries the script with
tiny networks and writes nothing.

Released code, Stage 1: the image is encoded in every step, the text transformer runs in every
step, weights of UNet and text transformer gather gradients that nobody uses, under gradient
checkpointing. Stage 2: 50 DDIM steps with two UNet calls each, one image a batch, whole frame.
Ours: ``concept.learning.masked_loss`` on encoded views, and the settings of ``quick``. An image is
not drawn whole: one UNet call, one encoding and one decoding are measured and multiplied by how
many there are. The autoencoder's work on a frame of 1024 is taken as 16 times that on 256, which
favours the released code (its attention grows faster).
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from anogen.concept.encoded_views import Views
from anogen.concept.learning import masked_loss
from anogen.concept.settings import ConceptSettings
from anogen.prior.text_encoding import TextEncoder
from anogen.prior.text_to_image import TextToImagePrior
from anogen.study.settings import resolve

HERE = Path(__file__).parent
RESULT = HERE / "sd_size_speed.json"
PARTS = ("stage1-released", "stage1-ours", "stage2-released", "stage2-ours", "stage2-released-1024")
DDIM_STEPS = 50


class Tokens:
    """Stands in for a tokenizer: what is said does not matter to the speed."""

    bos_token_id, eos_token_id, pad_token_id = 1, 2, 2
    all_special_ids = (1, 2)

    def __call__(self, text: str, **_: object) -> "Tokens":
        self.input_ids = [3 + ord(letter) % 90 for letter in text if letter.isalpha()]
        return self


def prior(*, tiny: bool) -> TextToImagePrior:
    """Stable Diffusion 1.5's architecture with random weights, or a tiny one of its form."""
    torch.manual_seed(0)
    widths = (32, 64) if tiny else (320, 640, 1280, 1280)
    down = ["CrossAttnDownBlock2D"] * (len(widths) - 1) + ["DownBlock2D"]
    up = ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * (len(widths) - 1)
    text_width = 32 if tiny else 768
    unet = UNet2DConditionModel(
        sample_size=32,
        block_out_channels=widths,
        down_block_types=down,
        up_block_types=up,
        layers_per_block=2,
        cross_attention_dim=text_width,
        attention_head_dim=8,
    )
    sizes = (32, 32, 32, 32) if tiny else (128, 256, 512, 512)
    autoencoder = AutoencoderKL(
        block_out_channels=sizes,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=2,
        latent_channels=4,
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=100 if tiny else 49408,
            hidden_size=text_width,
            intermediate_size=4 * text_width,
            num_hidden_layers=2 if tiny else 12,
            num_attention_heads=2 if tiny else 12,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
    levels = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return TextToImagePrior(
        name="stable-diffusion",
        unet=unet,
        autoencoder=autoencoder,
        text=TextEncoder(transformer=text, tokenizer=Tokens(), length=77),
        alphas_cumprod=torch.cumprod(1 - levels, 0),
        prediction="epsilon",
        image_size=256,
    )


def seconds(action: Callable[[], object]) -> float:
    """Processor seconds of an action."""
    start = time.process_time()
    action()
    return time.process_time() - start


def released_learning(model: TextToImagePrior) -> dict[str, float]:
    """A step of the released code on one image."""
    unet, text = model.unet, model.text
    for network in (unet, text):
        network.requires_grad_(True)
    unet.enable_gradient_checkpointing()
    unet.train()
    token = torch.randn(1, 1, model.token_dim).requires_grad_()
    optimiser = torch.optim.AdamW([token], lr=0.02)
    image, noise, mask = (
        torch.rand(1, 3, 256, 256),
        torch.randn(1, 4, 32, 32),
        torch.zeros(1, 1, 32, 32),
    )
    mask[..., 8:16, 8:16] = 1

    def step() -> None:
        with torch.no_grad():
            latents = model.encode(image)
        context = model.context(token, "a photo of a *")
        predicted = model.predict_noise(latents + noise, torch.tensor([500]), context)
        loss = ((predicted - noise).square() * mask).mean()
        optimiser.zero_grad()
        unet.zero_grad()
        text.zero_grad()
        loss.backward()
        optimiser.step()

    return {"step": seconds(step)}


def our_learning(model: TextToImagePrior) -> dict[str, float]:
    """A step of ours on one view."""
    token = torch.randn(1, 1, model.token_dim).requires_grad_()
    optimiser = torch.optim.Adam([token], lr=0.02)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:16, 8:16] = 1
    views = Views(torch.randn(1, 4, 32, 32), mask, mask, None, None)

    def step() -> None:
        loss = masked_loss(
            model,
            views,
            torch.tensor([0]),
            model.context(token, "a photo of a *"),
            torch.tensor([500]),
            torch.randn(1, 4, 32, 32),
            settings=ConceptSettings(),
        )
        optimiser.zero_grad(set_to_none=True)
        loss.mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        encode = seconds(lambda: model.encode(image))
    return {"step": seconds(step), "encode, once a view": encode}


@torch.no_grad()
def drawing(model: TextToImagePrior, *, frame: int = 256) -> dict[str, float]:
    """A UNet call on one latent of a frame; encoding and decoding at 256."""
    cells = frame // 8
    states = model.empty_context(1)
    latents, timestep = torch.randn(1, 4, cells, cells), torch.tensor([500])

    def call() -> Tensor:
        return model.predict_noise(latents, timestep, states)

    found = {"call": seconds(call)}
    if frame == 256:
        image = torch.rand(1, 3, frame, frame)
        found |= {"encode": seconds(lambda: model.encode(image))}
        found |= {"decode": seconds(lambda: model.decode(latents))}
    return found


def measure(part: str, *, tiny: bool) -> dict[str, float]:
    """One part, in this process."""
    torch.set_num_threads(1)
    model = prior(tiny=tiny)
    if part == "stage1-released":
        found = released_learning(model)
    elif part == "stage1-ours":
        found = our_learning(model)
    else:
        found = drawing(model, frame=1024 if part.endswith("1024") else 256)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {name: round(value, 3) for name, value in found.items()} | {"GiB": round(peak, 2)}


def page(result: dict[str, dict[str, float]]) -> str:
    """The results, and what follows from them, as Markdown."""
    lines = ["# Stable Diffusion 1.5's size on one core", ""]
    lines += ["Random weights, float32; made by `sd_size_speed.py`, which says how. Processor", ""]
    lines[-2] += " seconds, and peak memory of each part's process."
    lines += ["| part | measured | GiB |", "|---|---|---|"]
    for part in PARTS:
        if part in result:
            row = result[part]
            measured = ", ".join(f"{name} {row[name]} s" for name in row if name != "GiB")
            lines.append(f"| {part} | {measured} | {row['GiB']} |")
    lines.append("")
    if {"stage1-released", "stage1-ours"} <= result.keys():
        times = result["stage1-released"]["step"] / result["stage1-ours"]["step"]
        lines.append(f"Stage 1: a step of ours is {times:.1f} times faster (aim: 2).")
    if {"stage2-released", "stage2-ours"} <= result.keys():
        settings = resolve("quick", {"dataset": {"root": "unused"}}).synthesis.sampler()
        skipped = min(round(settings.steps * (1 - settings.strength)), settings.steps - 1)
        steps = settings.steps - skipped
        calls = steps
        if settings.guidance != 1:
            calls += math.ceil(settings.guidance_share * steps)
        own = result["stage2-ours"]
        # The normal and the sketch are encoded, the drawing and the sketch decoded.
        ours = calls * own["call"] + 2 * own["encode"] + 2 * own["decode"]
        theirs = result["stage2-released"]
        whole = 2 * DDIM_STEPS * theirs["call"] + theirs["encode"] + theirs["decode"]
        lines.append(
            f"Stage 2, multiplied out: {whole:.0f} s an image against {ours:.0f} s ({calls} UNet "
            f"calls under `quick`): {whole / ours:.1f} times faster (aim: 5)."
        )
        noise = ours + (settings.steps - steps) * own["call"] * calls / steps
        lines.append(
            f"Of that, what redrawing a sketch instead of pure noise saves: from noise with the "
            f"same solver {noise:.0f} s, {whole / noise:.1f} times faster."
        )
        if "stage2-released-1024" in result:
            large = 2 * DDIM_STEPS * result["stage2-released-1024"]["call"]
            large += 16 * (theirs["encode"] + theirs["decode"])
            lines.append(
                f"With a frame of 1024 pixels, of which ours draws a window of 256: {large:.0f} s "
                f"against {ours:.0f} s, {large / ours:.0f} times faster (aim: 20)."
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run a part in a process of its own, or all that are missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=(*PARTS, "all"))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.part, tiny=options.tiny)))
        return
    result: dict[str, Any] = {}
    if RESULT.exists() and not options.tiny:
        result = json.loads(RESULT.read_text())
    for part in PARTS if options.part == "all" else (options.part,):
        if part in result and not options.again:
            continue
        command = [sys.executable, __file__, part, "--here", *(["--tiny"] * options.tiny)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        result[part] = json.loads(done.stdout.splitlines()[-1])
        print(part, result[part], flush=True)
        if not options.tiny:
            RESULT.write_text(json.dumps(result, indent=2) + "\n")
            (HERE / "sd_size_speed.md").write_text(page(result))
    print(page(result))


if __name__ == "__main__":
    main()
