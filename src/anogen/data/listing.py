"""What lies in a folder: its subfolders, its images, and which mask belongs to which image."""

from collections import Counter
from pathlib import Path

from anogen.data.findings import Findings
from anogen.data.images import EXTENSIONS
from anogen.errors import InputError
from anogen.files import inside

# Files that people and systems leave beside images; they are passed over without a word.
_BESIDES = frozenset({".txt", ".md", ".tsv", ".csv", ".json", ".xml", ".yaml", ".yml", ".html"})
_LITTER = frozenset({"thumbs.db", "desktop.ini", "license", "readme"})

MASK_SUFFIX = "_mask"


def folders_in(folder: Path) -> list[Path]:
    """Visible subfolders, sorted by name; none where ``folder`` does not exist."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def images_below(folder: Path) -> list[Path]:
    """Visible image files of a folder and of all folders below it, sorted."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in EXTENSIONS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def images_in(folder: Path | None, root: Path, findings: Findings) -> list[Path]:
    """Image files of one folder (not below it), sorted by name.

    Problems: two files with one stem, a link that leaves ``root``, a name that is no UTF-8 or has
    a backslash.
    Notices: folders, and files of other kinds.
    """
    if folder is None or not folder.is_dir():
        return []
    images: dict[str, Path] = {}
    others: Counter[str] = Counter()
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.lower() in _LITTER:
            continue
        key = path.relative_to(root).as_posix()
        if path.is_dir():
            findings.notices.append(f"{key}: a folder inside a folder of images; ignored.")
        elif path.suffix.lower() not in EXTENSIONS:
            if path.suffix.lower() not in _BESIDES:
                others[path.suffix.lower()] += 1
        elif (problem := _unusable(key, root)) is not None:
            findings.problems.append(problem)
        elif path.stem in images:
            findings.problems.append(
                f"{key}: {images[path.stem].name} in the same folder has the same name before "
                "the ending; rename or remove one of them."
            )
        else:
            images[path.stem] = path
    place = folder.relative_to(root).as_posix()
    for ending, count in sorted(others.items()):
        kind = f"{ending} file" if ending else "file without an ending"
        findings.notices.append(
            f"{place}: {count} {kind}{'' if count == 1 else 's'} ignored; images are PNG, JPEG, "
            "BMP or TIFF."
        )
    return list(images.values())


def _unusable(key: str, root: Path) -> str | None:
    """Why the file cannot be used by its name, if it cannot."""
    try:
        key.encode()
        inside(root, key)
    except UnicodeEncodeError:
        shown = key.encode(errors="replace").decode()
        return f"{shown}: the file's name is no valid UTF-8; rename it."
    except InputError as error:
        return str(error)
    if "\\" in key:
        return f"{key}: a name with a backslash, which other systems read as a folder; rename it."
    return None


def match_masks(
    images: list[Path], masks: list[Path], root: Path, findings: Findings
) -> dict[Path, Path]:
    """The mask of each image, by stem with or without ``_mask`` at its end.

    Problems: an image without a mask, a mask without an image, two masks of one image.
    """
    by_stem = {path.stem: path for path in images}
    found: dict[Path, Path] = {}
    for mask in masks:
        image = by_stem.get(mask.stem) or by_stem.get(mask.stem.removesuffix(MASK_SUFFIX))
        key = mask.relative_to(root).as_posix()
        if image is None:
            findings.problems.append(
                f"{key}: a mask without an image of its name; add the image or remove the mask."
            )
        elif image in found:
            findings.problems.append(
                f"{key}: a second mask for {image.name}, beside {found[image].name}; remove one "
                "of them."
            )
        else:
            found[image] = mask
    for image in images:
        if image not in found:
            findings.problems.append(
                f"{image.relative_to(root).as_posix()}: no mask {image.stem}.png or "
                f"{image.stem}{MASK_SUFFIX}.png beside the masks of its type; add it or remove "
                "the image."
            )
    return found
