"""The plain layout: ``good/``, ``defects/<type>/``, ``masks/<type>/``, perhaps ``good_test/``."""

from pathlib import Path

from anogen.data.layouts.contract import CategoryFolders, DefectFolder
from anogen.data.listing import folders_in


class FolderLayout:
    """``good/``, ``defects/<type>/``, ``masks/<type>/``; ``good_test/`` holds out by hand."""

    name = "folder"
    expected = "[CATEGORY/]{good, defects/DEFECT, masks/DEFECT}"
    train_good = "good"

    def fits(self, folder: Path) -> bool:
        """Whether there is a ``good`` or a ``defects`` folder."""
        return (folder / "good").is_dir() or (folder / "defects").is_dir()

    def folders(self, folder: Path, name: str) -> CategoryFolders:
        """See :class:`~anogen.data.layouts.contract.Layout`."""
        parts = ("good", "good_test", "defects", "masks")
        good, good_test, defects, masks = (folder / part for part in parts)
        images_of = {path.name: path for path in folders_in(defects)}
        masks_of = {path.name: path for path in folders_in(masks)}
        return CategoryFolders(
            name=name,
            folder=folder,
            good=good if good.is_dir() else None,
            good_test=good_test if good_test.is_dir() else None,
            split_good=True,
            defects=tuple(
                DefectFolder(defect, images_of.get(defect), masks_of.get(defect))
                for defect in sorted({*images_of, *masks_of})
            ),
            unused=tuple(path for path in folders_in(folder) if path.name not in parts),
            crowded=(defects, masks),
        )
