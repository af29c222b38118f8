"""The photographs and labels inside the installed ``elpv-dataset`` package.

S. Deitsch et al., "Segmentation of photovoltaic module cells in uncalibrated electroluminescence
images", Machine Vision and Applications 32, 2021; C. Buerhop-Lutz et al., "A Benchmark for Visual
Identification of Defective Solar Cells in Electroluminescence Imagery", EU PVSEC 2018.
2,624 cells of 44 modules, 300 x 300, grey; 1,074 of them are monocrystalline.

The label is the probability that the cell is defective: 0, 1/3, 2/3 or 1. The module that a cell
was cut from is not published. The numbers of the files run module by module, so much is plain
from the pictures, but where one module ends is not recorded: no group can be named from it.
"""

from dataclasses import dataclass
from importlib import import_module, resources
from pathlib import Path

from anogen.errors import InputError

LICENSE = "CC BY-NC-SA 4.0 (elpv-dataset); not for commercial use, not part of anogen"
_INSTALL = "pip install 'anogen[demo]'"


@dataclass(frozen=True)
class Cell:
    """One photograph.

    Attributes:
        name: file name, e.g. ``"cell0001.png"``.
        probability: that the cell is defective, 0 to 1.
        file: the PNG file in the installed package.
    """

    name: str
    probability: float
    file: Path


def monocrystalline_cells() -> tuple[Cell, ...]:
    """The monocrystalline cells in the order of the package's list.

    Raises:
        InputError: if the package is not installed, or its list cannot be read.
    """
    try:
        import_module("elpv_dataset")
    except ImportError as error:
        raise InputError(
            f"the demo's photographs are not installed: run `{_INSTALL}`"
            " (or `pip install elpv-dataset`)."
        ) from error
    data = Path(str(resources.files("elpv_dataset"))) / "data"
    try:
        lines = (data / "labels.csv").read_text(encoding="utf-8").splitlines()
        return tuple(
            Cell(path.rpartition("/")[2], float(probability), data / path)
            for path, probability, kind in (line.split() for line in lines if line.strip())
            if kind == "mono"
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"{data}: the list of the demo's photographs cannot be read;"
            " run `pip install --force-reinstall --no-deps elpv-dataset`."
        ) from error
