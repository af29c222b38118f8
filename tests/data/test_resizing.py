import numpy as np

from anogen.data.resizing import resize_image, resize_mask


def test_shrinking_averages_areas() -> None:
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[0, 0] = (40, 80, 120)
    image[2:, 2:] = 200
    expected = np.zeros((2, 2, 3), dtype=np.uint8)
    expected[0, 0] = (10, 20, 30)
    expected[1, 1] = 200
    np.testing.assert_array_equal(resize_image(image, 2), expected)


def test_each_axis_has_its_own_way() -> None:
    # Eight rows shrink to four (means of pairs), two columns grow to four.
    rows = np.array([0, 10, 20, 30, 40, 50, 60, 70], dtype=np.uint8)
    image = np.repeat(np.repeat(rows[:, None, None], 2, axis=1), 3, axis=2)
    resized = resize_image(image, 4)
    np.testing.assert_array_equal(resized[:, :, 0], np.repeat([[5], [25], [45], [65]], 4, axis=1))


def test_same_size_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_image(image, 6), image)


def test_masks_shrink_at_one_half_and_officially_at_one() -> None:
    # The four quarters hold 1, 2, 3 and 4 defective pixels of 4.
    mask = np.array([[1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1], [0, 1, 1, 1]], dtype=bool)
    np.testing.assert_array_equal(resize_mask(mask, 2), [[0, 1], [1, 1]])
    np.testing.assert_array_equal(resize_mask(mask, 2, official=True), [[0, 0], [0, 1]])


def test_masks_of_another_shape_keep_their_share() -> None:
    mask = np.zeros((300, 100), dtype=bool)
    mask[:150, :50] = True
    for size in (32, 200):
        resized = resize_mask(mask, size)
        expected = np.zeros((size, size), dtype=np.uint8)
        expected[: size // 2, : size // 2] = 1
        np.testing.assert_array_equal(resized, expected)


def test_same_size_masks_change_nothing() -> None:
    mask = np.random.default_rng(0).random((6, 6)) < 0.5
    for official in (False, True):
        np.testing.assert_array_equal(resize_mask(mask, 6, official=official), mask)
