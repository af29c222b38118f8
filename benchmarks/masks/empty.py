"""No accepted image of a bank has an empty mask: counts those that do, in the banks of runs.

    python benchmarks/masks/empty.py RUN [RUN ...]

A RUN is a folder of a run, or one that holds runs, such as a study's. Writes a line for each bank
to empty.md beside itself and ends with 1 if any accepted image has an empty mask, or one that
leaves its box.
"""

import argparse
import sys
from pathlib import Path

from anogen.bank.bank import Bank


def counts(bank: Bank) -> dict[str, int]:
    """Accepted images of a bank, and of them those with an empty mask, or one beyond the box."""
    found = {"accepted": 0, "empty": 0, "beyond": 0, "without": 0}
    for entry in bank.accepted():
        found["accepted"] += 1
        mask = bank.mask(entry)
        if mask is None:
            found["without"] += 1
            continue
        defective = mask >= 0.5
        found["empty"] += not defective.any()
        found["beyond"] += bool((defective & ~entry.covered(*mask.shape)).any())
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    manifests = [
        path for run in parser.parse_args().runs for path in sorted(run.rglob("manifest.jsonl"))
    ]
    if not manifests:
        print("no bank found", file=sys.stderr)
        return 2
    wrong = 0
    lines = ["# Empty masks among the accepted images of banks", ""]
    for path in manifests:
        found = counts(Bank(path.parent))
        wrong += found["empty"] + found["beyond"]
        told = ", ".join(f"{count} {name}" for name, count in found.items())
        lines.append(f"- {'/'.join(path.parent.parts[-3:])}: {told}")
    lines += ["", f"{wrong} wrong in {len(manifests)} banks.", ""]
    Path(__file__).with_suffix(".md").write_text("\n".join(lines))
    print("\n".join(lines))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
