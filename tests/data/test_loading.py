from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anogen.data.dataset import read_dataset
from anogen.data.loading import load_masks, load_rgb
from anogen.errors import InputError


def test_images_come_in_the_order_of_the_samples(mvtec: Path) -> None:
    (category,) = read_dataset(mvtec)
    samples = category.test[::-1]
    images = load_rgb(samples, 6)
    assert images.shape == (len(samples), 6, 6, 3)
    for sample, image in zip(samples, images, strict=True):
        # 8x6 pixels: rows stay, so each row keeps its mean; all channels are grey.
        with Image.open(sample.image) as original:
            means = np.asarray(original, dtype=float).mean(axis=1)
        np.testing.assert_allclose(image[:, :, 0].mean(axis=1), means, atol=0.5)
        np.testing.assert_array_equal(image[:, :, 0], image[:, :, 2])


def test_masks_are_zero_for_good_images_and_the_file_for_others(mvtec: Path) -> None:
    (category,) = read_dataset(mvtec, defects=["bent"])
    masks = load_masks(category.test, 4)
    quarter = np.zeros((4, 4))
    quarter[:2, :2] = 1
    for sample, mask in zip(category.test, masks, strict=True):
        np.testing.assert_array_equal(mask, np.zeros((4, 4)) if sample.is_good else quarter)
    assert {sample.label for sample in category.test} == {"good", "bent"}


def test_a_defect_without_mask_is_no_truth_by_pixel(mvtec: Path) -> None:
    (category,) = read_dataset(mvtec, defects=["odd"])
    with pytest.raises(InputError, match=r"^screw/test/odd/000\.png: .*without a mask"):
        load_masks(category.test, 4)


def test_a_damaged_image_is_named_by_its_key(mvtec: Path) -> None:
    (category,) = read_dataset(mvtec)
    (mvtec / "screw/train/good/001.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"^screw/train/good/001\.png: "):
        load_rgb(category.train, 4)
