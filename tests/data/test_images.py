import struct
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageOps

from anogen.data import images
from anogen.data.images import binarise, read_image, read_mask, read_shape, to_rgb8, write_png
from anogen.errors import InputError

rng = np.random.default_rng(7)
GREY = rng.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY16 = rng.integers(0, 65536, (5, 7), dtype=np.uint16)
RGB16 = rng.integers(0, 65536, (5, 7, 3), dtype=np.uint16)


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".TIFF", ".PnG"])
@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "rgb"])
def test_lossless_files_give_their_pixels(tmp_path: Path, ending: str, pixels: np.ndarray) -> None:
    path = tmp_path / f"a{ending}"
    Image.fromarray(pixels).save(path)
    read = read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)


def test_jpeg_is_near_its_pixels_and_three_channels(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), dtype=np.uint8)
    Image.fromarray(flat).save(tmp_path / "a.jpg", quality=95)
    read = read_image(tmp_path / "a.jpg")
    assert read.shape == (16, 16, 3)
    assert np.abs(read.astype(int) - flat).max() <= 3


def test_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), dtype=np.uint8)
    Image.fromarray(flat).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    read = read_image(tmp_path / "a.jpg")
    assert np.abs(read.astype(int) - flat).max() <= 3


def test_one_bit_becomes_0_and_255(tmp_path: Path) -> None:
    Image.fromarray(GREY > 127).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.where(GREY > 127, 255, 0))


def test_palette_becomes_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], dtype=np.uint8), mode="P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "a.png")
    expected = [[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [40, 50, 60]]]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)


def test_alpha_is_laid_over_black(tmp_path: Path) -> None:
    # 200 * 128 / 255 = 100.4, 100 * 128 / 255 = 50.2, 50 * 128 / 255 = 25.1
    rgba = np.array([[[200, 100, 50, 128], [9, 8, 7, 255], [9, 8, 7, 0]]], dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), [[[100, 50, 25], [9, 8, 7], [0, 0, 0]]]
    )
    Image.fromarray(rgba[:, :, [0, 3]]).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), [[100, 9, 0]])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_transparent_colour_becomes_black(tmp_path: Path, mode: str) -> None:
    bright = Image.new("L", (2, 1), 255)
    bright.putpixel((0, 0), 0)
    image = Image.eval(bright, lambda value: 255 - value).convert(mode)
    key: int | tuple[int, ...] = {"RGB": (255, 255, 255), "P": image.getpixel((0, 0))}.get(
        mode, 255
    )  # type: ignore[assignment]
    image.save(tmp_path / "a.png", transparency=key)
    assert not read_image(tmp_path / "a.png").any()


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    for name, pixels in {"grey": GREY16, "rgb": RGB16}.items():
        for ending in (".png", ".tif"):
            path = tmp_path / f"{name}{ending}"
            assert cv2.imwrite(str(path), pixels if pixels.ndim == 2 else pixels[:, :, ::-1])
            read = read_image(path)
            assert read.dtype == np.uint16
            np.testing.assert_array_equal(read, pixels)


def test_sixteen_bit_tiff_whose_zero_is_white(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(GREY16).save(path)
    content = path.read_bytes()
    tag = struct.pack("<HHI", 262, 3, 1)  # photometric interpretation: 1 is "black is zero"
    assert content.count(tag + b"\x01") == 1
    path.write_bytes(content.replace(tag + b"\x01", tag + b"\x00"))
    np.testing.assert_array_equal(read_image(path), 65535 - GREY16)


def test_sixteen_bit_alpha_is_laid_over_black(tmp_path: Path) -> None:
    bgra = rng.integers(0, 65536, (5, 7, 4), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), bgra)
    exact = bgra[:, :, 2::-1].astype(float) * bgra[:, :, 3:] / 65535
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), exact, atol=0.5)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(path, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_image(path), expected)
    assert read_shape(path) == expected.shape[:2]


def test_exif_rotation_of_sixteen_bit_colour(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    eight = Image.fromarray(RGB)
    exif = Image.Exif()
    exif[0x0112] = 6
    eight.save(tmp_path / "eight.png", exif=exif)
    content = (tmp_path / "eight.png").read_bytes()
    at = content.index(b"eXIf") - 4
    length = int.from_bytes(content[at : at + 4], "big") + 12
    write_png(path, RGB16)
    plain = path.read_bytes()
    path.write_bytes(plain[:33] + content[at : at + length] + plain[33:])  # after IHDR
    np.testing.assert_array_equal(read_image(path), np.rot90(RGB16, -1))


def _bad(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "bad.png"
    if kind == "truncated":
        Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "truncated jpeg":
        path = tmp_path / "bad.jpg"
        Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:-500])
    elif kind == "text":
        path.write_text("not an image")
    elif kind == "empty":
        path.touch()
    elif kind == "gif":
        Image.fromarray(GREY).save(path, format="GIF")
    elif kind == "float":
        path = tmp_path / "bad.tif"
        Image.fromarray(GREY.astype(np.float32)).save(path)
    elif kind == "32 bit":
        path = tmp_path / "bad.tif"
        Image.fromarray(GREY.astype(np.int32)).save(path)
    elif kind == "pages":
        path = tmp_path / "bad.tif"
        page = Image.fromarray(GREY)
        page.save(path, save_all=True, append_images=[page])
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("truncated", "truncated"),
        ("truncated jpeg", "truncated"),
        ("text", "not a readable"),
        ("empty", "not a readable"),
        ("gif", "not a readable"),
        ("float", "32 bits, floating-point"),
        ("32 bit", "32 bits, floating-point"),
        ("pages", "2 pages"),
        ("missing", "no such file"),
    ],
)
def test_unreadable_files_are_one_clear_sentence(tmp_path: Path, kind: str, says: str) -> None:
    path = _bad(tmp_path, kind)
    with pytest.raises(InputError, match=says) as caught:
        read_image(path, name="part/bad.png")
    text = str(caught.value)
    assert text.startswith("part/bad.png: ")
    assert text.endswith(".")
    assert "\n" not in text


def test_large_photographs_need_no_warning_and_no_global(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.zeros((400, 300), dtype=np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow would refuse this photograph
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(tmp_path / "a.png").shape == (400, 300)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_a_header_that_claims_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert images.MAX_PIXELS >= 20_000**2
    Image.fromarray(np.zeros((40, 30), dtype=np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 1199)
    with pytest.raises(InputError, match="30x40 pixels are more than can be read"):
        read_image(tmp_path / "a.png")


def test_to_rgb8_scales_by_the_full_range() -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.rint(every / 257).astype(np.uint8)
    eight = to_rgb8(every)
    assert eight.shape == (256, 256, 3)
    for channel in range(3):
        np.testing.assert_array_equal(eight[:, :, channel], expected)
    np.testing.assert_array_equal(to_rgb8(RGB), RGB)


@pytest.mark.parametrize("pixels", [GREY, RGB, GREY16, RGB16], ids=lambda p: f"{p.dtype}{p.shape}")
def test_written_png_reads_back_and_is_deterministic(tmp_path: Path, pixels: np.ndarray) -> None:
    write_png(tmp_path / "new" / "a.png", pixels)
    write_png(tmp_path / "b.png", np.asfortranarray(pixels))
    read = read_image(tmp_path / "new" / "a.png")
    assert read.dtype == pixels.dtype
    np.testing.assert_array_equal(read, pixels)
    assert (tmp_path / "new" / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    if pixels.dtype == np.uint8:
        with Image.open(tmp_path / "b.png") as image:
            np.testing.assert_array_equal(np.asarray(image), pixels)


def test_write_png_of_booleans_and_of_nonsense(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", GREY > 127)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.where(GREY > 127, 255, 0))
    for wrong in (GREY.astype(np.float32), np.zeros((2, 2, 4), np.uint8)):
        with pytest.raises(ValueError, match="no PNG"):
            write_png(tmp_path / "b.png", wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "b.png").exists()


masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)).filter(
    lambda mask: bool(mask.any())
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mask=masks, high=st.sampled_from([1, 2, 128, 255, 256, 65535]), form=st.integers(0, 5))
def test_masks_mean_the_same_whatever_their_range(
    tmp_path: Path, mask: np.ndarray, high: int, form: int
) -> None:
    path = tmp_path / "mask.png"
    eight = (mask * min(high, 255)).astype(np.uint8)
    if form == 0:
        Image.fromarray((mask * high).astype(np.uint16)).save(path)
    elif form == 1:
        Image.fromarray(eight).save(path)
    elif form == 2:
        Image.fromarray(mask).save(path)
    elif form == 3:  # one colour on black
        Image.fromarray(np.stack([eight, 0 * eight, 0 * eight], axis=2)).save(path)
    elif form == 4:  # label files of segmentation tools: index 1 is dark red
        labels = Image.fromarray(mask.astype(np.uint8), mode="P")
        labels.putpalette([0, 0, 0, 128, 0, 0])
        labels.save(path)
    else:  # white behind an alpha channel that is the mask
        white = np.full_like(eight, 255)
        alpha = np.where(mask, 255, 0).astype(np.uint8)
        Image.fromarray(np.stack([white, white, white, alpha], axis=2)).save(path)
    np.testing.assert_array_equal(read_mask(path, mask.shape), mask)


@settings(max_examples=50, deadline=None)
@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=6)))
def test_binarise_is_half_of_the_range_pixel_by_pixel(pixels: np.ndarray) -> None:
    top = int(pixels.max())
    expected = [[2 * int(value) > top for value in row] for row in pixels]
    np.testing.assert_array_equal(binarise(pixels), expected)


def test_wrong_masks_are_named(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(tmp_path / "empty.png")
    with pytest.raises(InputError, match=r"^m/1\.png: the mask is empty"):
        read_mask(tmp_path / "empty.png", (5, 7), name="m/1.png")
    with pytest.raises(InputError, match=r"the mask is 7x5 pixels, its image 5x7"):
        read_mask(tmp_path / "empty.png", (7, 5))
