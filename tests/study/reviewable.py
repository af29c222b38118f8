"""A small run that can be reviewed and exported."""

from pathlib import Path

from synthetic_run import make_run

from anogen.study.run_folder import RunFolder, open_run
from anogen.study.settings import resolve


def make_reviewable(folder: Path, *, side: int = 64, generated: int = 4) -> RunFolder:
    """The synthetic run with settings that the verbs understand.

    A quarter of its images was rejected: the last one of each defect, where there are four.
    """
    path = make_run(folder, side=side, generated=generated, seeds=1, tests=1)
    (path / "config.yaml").unlink()
    settings = resolve("quick", {"dataset": {"root": str(folder / "dataset")}})
    RunFolder(path, settings).write_config(command=["anogen"])
    return open_run(path)


if __name__ == "__main__":
    import sys

    print(make_reviewable(Path(sys.argv[1]), side=256, generated=40).path)
