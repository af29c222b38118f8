"""Reading a dataset's folders into categories, with everything that is wrong about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from anogen.data.findings import Findings
from anogen.data.groups import read_groups
from anogen.data.layouts.contract import CategoryFolders, DefectFolder, Layout
from anogen.data.layouts.folder import FolderLayout
from anogen.data.layouts.mvtec import MvtecLayout
from anogen.data.listing import folders_in, images_in, match_masks
from anogen.data.sample import GOOD, Category, Sample
from anogen.data.split import held_out
from anogen.errors import InputError

LAYOUTS: tuple[Layout, ...] = (MvtecLayout(), FolderLayout())


def read_dataset(
    root: Path,
    *,
    layout: str | None = None,
    categories: Sequence[str] | None = None,
    defects: Sequence[str] | None = None,
) -> list[Category]:
    """The categories of a dataset, sorted by name, from its folders and file names alone.

    Nothing is decoded here; :func:`anogen.data.validation.validate` does that with the same
    reader.

    Args:
        root: the dataset, or one category's own folder.
        layout: ``"mvtec"`` or ``"folder"``; None detects it.
        categories: names of the categories to read; None reads all.
        defects: names of the defect types to read; None reads all.

    Raises:
        InputError: with one sentence a line for everything that is wrong.
    """
    found, findings = scan(root, layout=layout, categories=categories, defects=defects)
    findings.raise_problems()
    return found


def scan(
    root: Path,
    *,
    layout: str | None = None,
    categories: Sequence[str] | None = None,
    defects: Sequence[str] | None = None,
) -> tuple[list[Category], Findings]:
    """What :func:`read_dataset` reads, with problems gathered instead of raised.

    Raises:
        InputError: if there is nothing to read: no folder, no known layout, an unknown name.
    """
    root = root.expanduser().resolve()
    if not root.is_dir():
        wrong = "not a folder" if root.exists() else "no such folder"
        raise InputError(f"{root}: {wrong}; give the folder that holds the dataset.")
    findings = Findings()
    shape, folders = _categories_in(root, layout, findings)
    alone = len(folders) == 1
    if categories is not None:
        _known(categories, [category.name for category in folders], "category", root)
        folders = [category for category in folders if category.name in categories]
    if defects is not None:
        known = {defect.name for category in folders for defect in category.defects}
        _known(defects, sorted(known), "defect type", root)
    found = [
        _read_category(category, root, shape, alone=alone, defects=defects, findings=findings)
        for category in folders
    ]
    return found, findings


def _known(named: Sequence[str], known: Sequence[str], kind: str, root: Path) -> None:
    unknown = [name for name in dict.fromkeys(named) if name not in known]
    if unknown:
        raise InputError(
            f"{root}: no {kind} {', '.join(unknown)}; known are: {', '.join(known) or 'none'}."
        )


def _categories_in(
    root: Path, name: str | None, findings: Findings
) -> tuple[Layout, list[CategoryFolders]]:
    """The layout and the categories: ``root`` itself is one, or its subfolders are."""
    names = [layout.name for layout in LAYOUTS]
    if name is not None and name not in names:
        raise InputError(f"unknown layout {name!r}; known are: {', '.join(names)}.")
    subfolders = folders_in(root)
    for candidates in ([root], subfolders):
        fitting = [layout for layout in LAYOUTS if any(map(layout.fits, candidates))]
        if not fitting:
            continue
        chosen = next((layout for layout in fitting if name in (None, layout.name)), None)
        if chosen is None:
            raise InputError(
                f"{root}: the folders have the layout {fitting[0].name}, not {name}; expected "
                f"for {name}: {_expected(name)}."
            )
        if name is None and len(fitting) > 1:
            raise InputError(
                f"{root}: the folders fit the layouts {' and '.join(f.name for f in fitting)}; "
                "choose one with --layout."
            )
        inside_layout = [folder for folder in candidates if chosen.fits(folder)]
        findings.notices += [
            f"{folder.name}: not a category (expected {chosen.expected}); ignored."
            for folder in candidates
            if folder not in inside_layout
        ]
        return chosen, [chosen.folders(folder, folder.name) for folder in inside_layout]
    raise InputError(
        f"{root}: no dataset in a known layout; expected {_expected(name)}, found "
        f"{', '.join(folder.name for folder in subfolders[:8]) or 'no folders'}."
    )


def _expected(name: str | None) -> str:
    return " or ".join(layout.expected for layout in LAYOUTS if name in (None, layout.name))


def _read_category(
    folders: CategoryFolders,
    root: Path,
    layout: Layout,
    *,
    alone: bool,
    defects: Sequence[str] | None,
    findings: Findings,
) -> Category:
    def key(path: Path) -> str:
        return path.relative_to(root).as_posix()

    findings.notices += [
        f"{key(path)}: no part of this layout; ignored." for path in folders.unused
    ]
    for path in folders.crowded:
        loose = images_in(path, root, Findings())
        if loose:
            findings.problems.append(
                f"{key(loose[0])}: {len(loose)} image{'s' if len(loose) > 1 else ''} outside of "
                f"a type's folder; move them to {key(path)}/TYPE."
            )
    groups = read_groups(root, folders.folder, alone=alone, findings=findings)
    good = images_in(folders.good, root, findings)
    good_test = images_in(folders.good_test, root, findings)
    if not good:
        findings.problems.append(
            f"{folders.name}: no good images to train on; put them into "
            f"{key(folders.folder / layout.train_good)}."
        )
    if folders.good_test is None and folders.split_good:
        within = {path.relative_to(folders.folder).as_posix(): path for path in good}
        group_of = {name: groups[key(path)] for name, path in within.items() if key(path) in groups}
        out = held_out(list(within), group_of)
        good_test = [path for name, path in within.items() if name in out]
        good = [path for name, path in within.items() if name not in out]
    if not good_test:
        findings.notices.append(
            f"{folders.name}: no held-out good images, so there will be no scores by image."
        )

    def sample(path: Path, label: str, mask: Path | None, train: bool = False) -> Sample:
        name = key(path)
        split: Literal["train", "test"] = "train" if train else "test"
        return Sample(name, path, label, mask, split, groups.get(name))

    test = [sample(path, GOOD, None) for path in good_test]
    chosen = [each for each in folders.defects if defects is None or each.name in defects]
    for defect in chosen:
        pairs = _read_defect(defect, root, findings)
        test += [sample(path, defect.name, mask) for path, mask in pairs]
    if not chosen:
        named = f" of the named types ({', '.join(defects)})" if defects else ""
        findings.problems.append(
            f"{folders.name}: no images of defects{named}; expected {layout.expected}."
        )
    elif all(defect.masks is None for defect in chosen):
        findings.notices.append(
            f"{folders.name}: no defect type has masks, so no defect can be learnt here."
        )
    return Category(
        name=folders.name,
        root=root,
        train=tuple(
            sorted((sample(p, GOOD, None, train=True) for p in good), key=lambda item: item.key)
        ),
        test=tuple(sorted(test, key=lambda item: item.key)),
    )


def _read_defect(
    defect: DefectFolder, root: Path, findings: Findings
) -> list[tuple[Path, Path | None]]:
    """The images of one defect type, each with its mask; None for types without masks."""
    images = images_in(defect.images, root, findings)
    masks = images_in(defect.masks, root, findings)
    if defect.name == GOOD:
        findings.problems.append(
            f"{(defect.images or defect.masks or root).relative_to(root).as_posix()}: a defect "
            f"type cannot be called {GOOD}; rename the folder."
        )
        return []
    if not images:
        place = (defect.images or defect.masks or root).relative_to(root).as_posix()
        wrong = "masks of a defect type without images" if masks else "no images"
        findings.problems.append(f"{place}: {wrong}; add the images or remove the folder.")
        return []
    if defect.masks is None:
        assert defect.images is not None
        findings.notices.append(
            f"{defect.images.relative_to(root).as_posix()}: no folder of masks, so {defect.name} "
            "counts for scores by image only and is not learnt."
        )
        return [(image, None) for image in images]
    if not masks:
        findings.problems.append(
            f"{defect.masks.relative_to(root).as_posix()}: no masks; add them, or remove the "
            "folder to use the type for scores by image only."
        )
        return []
    found = match_masks(images, masks, root, findings)
    return [(image, found[image]) for image in images if image in found]
