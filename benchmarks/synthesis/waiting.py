"""What a learning step costs by how threads wait for each other, on an idle and on a busy machine.

Policies of OpenMP take turns, each in a process of its own: threads that spin while they wait (the
library's default), that spin for a moment, and that sleep. Busy means that another program keeps
one core. Writes ``waiting.md`` beside itself. Run with ``python benchmarks/synthesis/waiting.py``.
"""

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

ROUNDS, STEPS, WINDOWS = 5, 4, 16
POLICIES: dict[str, dict[str, str]] = {
    "spin (default)": {},
    "spin for a moment": {"GOMP_SPINCOUNT": "10000"},
    "sleep": {"OMP_WAIT_POLICY": "PASSIVE"},
}

STEP = f"""
import time
import torch
from anogen.prior.loading import load_prior
prior = load_prior("embedded")
generator = torch.Generator().manual_seed(0)
latents = prior.encode(torch.rand({WINDOWS}, 3, prior.image_size, prior.image_size))
timestep = torch.full(({WINDOWS},), 300)
context = prior.empty_context({WINDOWS}).clone().requires_grad_()
inputs = {{"surroundings": latents, "region": torch.ones_like(latents[:, :1])}}
times = []
for _ in range({STEPS} + 1):
    started = time.monotonic()
    prior.predict_noise(latents, timestep, context, **inputs).square().mean().backward()
    times.append(time.monotonic() - started)
print(sorted(times[1:])[len(times[1:]) // 2])
"""


def seconds(policy: str) -> float:
    """Median seconds of a step in a process with a policy."""
    done = subprocess.run(
        [sys.executable, "-c", STEP],
        env=os.environ | POLICIES[policy],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def measured() -> dict[str, list[float]]:
    """Seconds by policy, the policies taking turns."""
    found: dict[str, list[float]] = {policy: [] for policy in POLICIES}
    for _ in range(ROUNDS):
        for policy in POLICIES:
            found[policy].append(seconds(policy))
    return found


def main() -> None:
    """Measure and write."""
    idle = measured()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        busy = measured()
        other.kill()
    lines = [
        "# How threads wait for each other",
        "",
        f"Seconds of one step of {WINDOWS} windows through the denoiser and back, median of "
        f"{ROUNDS} processes (lowest to highest), on {os.cpu_count()} cores.",
        "",
        f"| machine | {' | '.join(POLICIES)} |",
        "|---" * (1 + len(POLICIES)) + "|",
    ]
    for name, found in (("idle", idle), ("another program on one core", busy)):
        cells = (
            f"{median(times):.2f} ({min(times):.2f} to {max(times):.2f})"
            for times in found.values()
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
