"""Processor time of ``anogen --help`` and of every ``anogen VERB --help``.

Writes ``help.json`` and ``help.md`` beside itself. Run with ``python benchmarks/cli/help.py``.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

REPEATS = 5
LIMIT = 0.5
"""Seconds of processor time that an answer may take."""

VERBS = (
    "",
    "run",
    "demo",
    "validate",
    "learn",
    "generate",
    "train",
    "evaluate",
    "report",
    "doctor",
    "config show",
    "prior pretrain",
)


def seconds(verb: str) -> float:
    """Least user and system time of one answer, over a few repeats."""
    times = []
    for _ in range(REPEATS):
        command = [sys.executable, "-m", "anogen", *verb.split(), "--help"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, verb
        times.append(usage.ru_utime + usage.ru_stime)
    return min(times)


def main() -> None:
    """Measure, write, and fail where an answer is over the limit."""
    measured = {f"anogen {verb} --help".replace("  ", " "): seconds(verb) for verb in VERBS}
    here = Path(__file__).parent
    facts = {
        "python": platform.python_version(),
        "processor": platform.machine(),
        "repeats": REPEATS,
        "limit_seconds": LIMIT,
        "cpu_seconds": {name: round(value, 3) for name, value in measured.items()},
    }
    (here / "help.json").write_text(json.dumps(facts, indent=2) + "\n")
    rows = "".join(f"| `{name}` | {value:.2f} |\n" for name, value in measured.items())
    (here / "help.md").write_text(
        "# Processor time of the answers to --help\n\n"
        f"`python benchmarks/cli/help.py`, Python {facts['python']} on {facts['processor']}: the "
        f"least of {REPEATS} runs each, user and system time in seconds. The limit is {LIMIT}.\n\n"
        f"| command | seconds |\n|---|---|\n{rows}"
    )
    print(rows, end="")
    slow = [name for name, value in measured.items() if value > LIMIT]
    if slow:
        sys.exit(f"over {LIMIT} s: {', '.join(slow)}")


if __name__ == "__main__":
    main()
