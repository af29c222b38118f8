"""What tells types of defects apart: directions from their middle, or distances to their centres?

    python benchmarks/masks/told_types.py [--data ../shared/data] [--each 8] [--seeds 30 31 32]

Of every product with several types, three real images of each are the shots; other real defects are
laid on normals as drawings of their own type and, others again, of a wrong one. For each measure:
how many of the wrong are rejected where some of the real ones are lost, and what the gate's bound
does. Measure and shrinkage were chosen with these seeds; gate.py asks again with others.
Writes told_types.md beside itself.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from cases import FITTED, HELD_OUT, goods_of, shuffled_pools
from gate import SHOTS, blended, in_its_mask
from numpy.typing import NDArray

from anogen.detection.teacher import make_teacher
from anogen.placement.foreground import foreground
from anogen.placement.settings import PlacementSettings
from anogen.seeds import rng_of, seed_of
from anogen.study.stages.judging import NETWORK, described, types_of
from anogen.synthesis.likeness import LEAST_LIKENESS, Types

LOST = (0.03, 0.05, 0.08, 0.1, 0.15)
"""Shares of the real defects that are rejected."""

Seen = NDArray[np.float32]


def direction(types: Types, seen: Seen, defect: str) -> float:
    """The gate's measure."""
    found = types.likeness(seen, defect)
    assert found is not None
    return found


def distance(types: Types, seen: Seen, defect: str) -> float:
    """Distance to the nearest other centre by that to its own."""
    at = seen @ types.whitening
    far = {name: float(np.linalg.norm(at - centre)) for name, centre in types.centres.items()}
    own = far.pop(defect)
    return min(far.values()) / own


MEASURES: dict[str, Callable[[Types, Seen, str], float]] = {
    "direction": direction,
    "distance": distance,
}


def main() -> None:
    """Measure every product under every seed and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[30, 31, 32])
    options = parser.parse_args()
    placement, network = PlacementSettings(), make_teacher(NETWORK)
    # Of each measure and form: real defects, wrong ones.
    found: dict[tuple[str, str], tuple[list[float], list[float]]] = {
        (name, form): ([], []) for form in ("box", "mask") for name in MEASURES
    }
    for category, folder in (FITTED | HELD_OUT).items():
        root = options.data / folder
        goods = goods_of(root)
        normals, method = goods.normals, goods.method
        for seed in options.seeds:
            pools = shuffled_pools(root, category, seed=seed, shots=SHOTS)
            if len(pools) < 2:
                continue
            types = types_of(
                network,
                {defect: real[:SHOTS] for defect, real in pools.items()},
                goods.probes,
                goods.objects,
                margin=placement.margin,
                seed=seed_of(seed, category, "likeness"),
            )
            for defect, real in pools.items():
                rng = rng_of(seed, "types", category, defect)
                wrong = [s for name, pool in pools.items() if name != defect for s in pool[SHOTS:]]
                for _ in range(options.each):
                    normal = normals[int(rng.integers(len(normals)))]
                    legal = foreground(normal, method)
                    for kind, pool in enumerate((real[SHOTS:], wrong)):
                        laid = blended(pool, normal, legal, rng, placement)
                        if laid is None:
                            continue
                        image = laid[0].image
                        masks = laid[0].mask, in_its_mask(image, normal, laid[1]).mask
                        for form, soft in zip(("box", "mask"), masks, strict=True):
                            if (soft >= 0.5).any():
                                seen = described(network, image, normal, soft >= 0.5)
                                for name, measure in MEASURES.items():
                                    value = measure(types, seen, defect)
                                    found[name, form][kind].append(value)
            print(category, seed, flush=True)
    seeds = " ".join(map(str, options.seeds))
    lines = ["# What tells types of defects apart", ""]
    lines += [f"`python benchmarks/masks/told_types.py --each {options.each} --seeds {seeds}`", ""]
    counts = [len(values) for values in found["direction", "box"]]
    lines += [f"{counts[0]} real defects of the type, {counts[1]} of a wrong one. Of these are"]
    lines += ["rejected where this share of the real ones is lost:", ""]
    lines += [f"| measure | drawn in a | {' | '.join(f'{lost:.0%}' for lost in LOST)} |"]
    lines += ["|---" * (2 + len(LOST)) + "|"]
    for (name, form), (right, others) in found.items():
        shares = [np.mean(np.array(others) < np.quantile(right, lost)) for lost in LOST]
        lines += [f"| {name} | {form} | {' | '.join(f'{share:.1%}' for share in shares)} |"]
    lines += [""]
    for form in ("box", "mask"):
        right, others = found["direction", form]
        kept, passed = (np.mean(np.array(v) >= LEAST_LIKENESS) for v in (right, others))
        lines += [
            f"The gate's bound of {LEAST_LIKENESS} keeps {kept:.1%} of the real ones drawn in a "
            f"{form} and rejects {1 - passed:.1%} of the wrong ones."
        ]
    Path(__file__).with_suffix(".md").write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
