"""Export as plain files: ``images/*.png``, and ``masks/*.png`` of the same names.

Masks have the values that the bank has: 0 to 255, how surely a pixel is defective.
"""

from pathlib import Path

from anogen.bank.export.items import Material
from anogen.data.images import write_png
from anogen.files import inside


def write(material: Material, out: Path) -> dict[str, str]:
    """Write the images into ``out``; returns as :func:`anogen.bank.export.mvtec.write`."""
    paths = {}
    for item in material:
        name = f"{material.stem(item.entry)}.png"
        write_png(inside(out, f"images/{name}"), item.image)
        write_png(inside(out, f"masks/{name}"), item.soft)
        paths[f"{item.entry.category}/{item.entry.id}"] = f"images/{name}"
    return paths
