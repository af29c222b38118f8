"""The layout of MVTec AD and all that copy it.

``<category>/train/good``, ``<category>/test/good``, ``<category>/test/<defect>`` and
``<category>/ground_truth/<defect>`` (Bergmann et al., CVPR 2019).
"""

from pathlib import Path

from anogen.data.layouts.contract import CategoryFolders, DefectFolder
from anogen.data.listing import folders_in
from anogen.data.sample import GOOD


class MvtecLayout:
    """``train/good``, ``test/<defect>``, ``ground_truth/<defect>``."""

    name = "mvtec"
    expected = "CATEGORY/{train/good, test/good, test/DEFECT, ground_truth/DEFECT}"
    train_good = "train/good"

    def fits(self, folder: Path) -> bool:
        """Whether there is a ``train`` or a ``test`` folder."""
        return (folder / "train").is_dir() or (folder / "test").is_dir()

    def folders(self, folder: Path, name: str) -> CategoryFolders:
        """See :class:`~anogen.data.layouts.contract.Layout`."""
        train, test, truth = (folder / part for part in ("train", "test", "ground_truth"))
        images = {path.name: path for path in folders_in(test)}
        # Some copies of the layout carry all-black masks for good images.
        masks = {path.name: path for path in folders_in(truth) if path.name != GOOD}
        good, good_test = train / GOOD, images.pop(GOOD, None)
        return CategoryFolders(
            name=name,
            folder=folder,
            good=good if good.is_dir() else None,
            good_test=good_test,
            split_good=False,
            defects=tuple(
                DefectFolder(defect, images.get(defect), masks.get(defect))
                for defect in sorted({*images, *masks})
            ),
            unused=(
                *(path for path in folders_in(folder) if path not in (train, test, truth)),
                *(path for path in folders_in(train) if path != good),
            ),
            crowded=(train, test, truth),
        )
