"""The likeness of products with one type of defect: real ones against anomalies of none.

    python benchmarks/masks/one_type.py [--data ../shared/data] [--each 5] [--seed 1]

Every defect is taken for its product's only one: three real images are the support shots, other
real ones are laid on normals, and so are DRAEM's anomalies of the shots' sizes and, where there are
some, real defects of other types. The share whose likeness is above the gate's bound is written to
one_type.md beside itself, with the likeness of each to one_type.json. DRAEM's anomalies on normals
that calibrate nothing; the bound was not chosen here.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from cases import FITTED, HELD_OUT, goods_of, shuffled_pools
from gate import SHOTS, blended

from anogen.detection.teacher import make_teacher
from anogen.placement.foreground import foreground
from anogen.placement.settings import PlacementSettings
from anogen.seeds import rng_of, seed_of
from anogen.study.stages.judging import NETWORK, described, types_of
from anogen.synthesis.likeness import LEAST_LIKENESS, strangers

REAL, NONE, OTHER = "real defects", "DRAEM's anomalies", "real defects of other types"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--each", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    placement, network = PlacementSettings(), make_teacher(NETWORK)
    found: dict[str, dict[str, list[float]]] = {}
    for category, folder in (FITTED | HELD_OUT).items():
        root = options.data / folder
        goods = goods_of(root)
        normals, method = goods.normals, goods.method
        pools = shuffled_pools(root, category, seed=options.seed, shots=SHOTS)
        for defect, real in pools.items():
            rng = rng_of(options.seed, "one type", category, defect)
            shots = real[:SHOTS]
            types = types_of(
                network,
                {defect: shots},
                goods.probes,
                goods.objects,
                margin=placement.margin,
                seed=seed_of(options.seed, category, "likeness"),
            )
            wrong = [one for name, pool in pools.items() if name != defect for one in pool[SHOTS:]]
            likeness: dict[str, list[float]] = defaultdict(list)
            for _ in range(options.each):
                normal = normals[int(rng.integers(len(normals)))]
                legal = foreground(normal, method)
                cases = []
                for name, pool in ((REAL, real[SHOTS:]), (OTHER, wrong)):
                    laid = blended(pool, normal, legal, rng, placement) if pool else None
                    if laid is not None and (laid[0].mask >= 0.5).any():
                        cases.append((name, laid[0].image, laid[0].mask >= 0.5))
                for image, _, mask in strangers(shots, [normal], [legal], rng):
                    cases.append((NONE, image, mask))
                    break
                for name, image, mask in cases:
                    value = types.likeness(described(network, image, normal, mask), defect)
                    assert value is not None
                    likeness[name].append(round(value, 3))
            found[f"{category}/{defect}"] = dict(likeness)
            print(category, defect, found[f"{category}/{defect}"], flush=True)
    here = Path(__file__).parent
    (here / "one_type.json").write_text(json.dumps(found, indent=1) + "\n")
    lines = ["# Products with one type of defect", ""]
    lines += [f"`python benchmarks/masks/one_type.py --each {options.each} --seed {options.seed}`"]
    lines += ["", f"Likeness of at least {LEAST_LIKENESS}, the gate's bound:", ""]
    lines += ["| what | cases | accepted | on held-out products |", "|---|---|---|---|"]
    for name in (REAL, NONE, OTHER):
        every = [v for values in found.values() for v in values.get(name, [])]
        apart = [
            v
            for key, values in found.items()
            if key.partition("/")[0] in HELD_OUT
            for v in values.get(name, [])
        ]
        shares = [f"{np.mean(np.array(some) >= LEAST_LIKENESS):.1%}" for some in (every, apart)]
        lines.append(f"| {name} | {len(every)} | {' | '.join(shares)} |")
    lines += ["", "Another real type is not to be told without its shots: it is a defect as well."]
    (here / "one_type.md").write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
