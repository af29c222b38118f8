"""Export in MVTec AD's layout, which ``anogen validate`` and most anomaly tools read.

``<category>/test/<defect>/<id>.png`` and ``<category>/ground_truth/<defect>/<id>_mask.png``;
``<category>/train/good`` holds the good images that they were drawn on, byte for byte. There is no
``test/good``: a good part that was never drawn on is not in a bank.
"""

from pathlib import Path, PurePosixPath

from anogen.bank.export.items import Material
from anogen.bank.manifest import Entry
from anogen.data.images import write_png
from anogen.errors import InputError
from anogen.files import inside, sha256_of, write_bytes


def write(material: Material, out: Path, *, dataset: Path) -> dict[str, str]:
    """Write the images into ``out``.

    Args:
        material: what is exported.
        out: an empty folder.
        dataset: root of the dataset, for the good images.

    Returns:
        Path of each image relative to ``out``, by category and id joined with ``/``.

    Raises:
        InputError: if a good image is missing, or is not the file that was drawn on.
    """
    paths = {}
    for item in material:
        entry = item.entry
        path = f"{entry.category}/test/{entry.defect}/{entry.id}.png"
        write_png(inside(out, path), item.image)
        truth = f"{entry.category}/ground_truth/{entry.defect}/{entry.id}_mask.png"
        write_png(inside(out, truth), item.mask)
        paths[f"{entry.category}/{entry.id}"] = path
    _copy_normals(material.entries, out, dataset)
    return paths


def _copy_normals(entries: list[Entry], out: Path, dataset: Path) -> None:
    normals = {(entry.category, entry.normal): entry.normal_sha256 for entry in entries}
    for (category, key), digest in sorted(normals.items()):
        source = inside(dataset, key)
        if not source.is_file() or sha256_of(source) != digest:
            wrong = "has changed" if source.is_file() else "is not there any more"
            raise InputError(
                f"{source}: defects were drawn on it, and it {wrong}; put it back, or export in "
                "another format, which needs no good images."
            )
        name = PurePosixPath(key).name
        write_bytes(inside(out, f"{category}/train/good/{name}"), source.read_bytes())
