"""Reading photographs and masks as they come from factories, and writing PNG files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from anogen.errors import InputError
from anogen.files import write_bytes

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""``(H, W)`` grey or ``(H, W, 3)`` RGB, 8 or 16 bit with its full range."""

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
"""Endings (in lower case) of the files that are taken for images."""

MAX_PIXELS = 1 << 29
"""Largest image that is read: 23,000 x 23,000, above any camera of today. A header that claims
more is refused before memory is taken (a small file can claim terabytes)."""

PNG_COMPRESSION = 1
"""zlib level; 6 took four times as long and saved 4 to 7 % on photographs of 256 pixels."""

FEW_VALUES = 16
"""Most values of a mask file that has no smooth edges, 0 among them."""

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
_ORIENTATION = 0x0112
_SAMPLE_FORMAT = 339
_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0
_BITS_PER_SAMPLE = 258

_pillow_limit = threading.Lock()


def read_image(path: Path, *, name: str | None = None) -> Pixels:
    """Read one PNG, JPEG, BMP or TIFF file.

    Grey and 1-bit files give ``(H, W)``; colour, palette and CMYK files give ``(H, W, 3)`` RGB.
    16 bits are kept (uint16, grey and colour), everything else is uint8. Transparency is laid
    over black, the background of a cut-out part in the dark. EXIF rotation is applied. Colour
    profiles are ignored. What counts is the file's content, not the ending of its name.

    Args:
        path: the file.
        name: what error messages call the file; its path by default.

    Raises:
        InputError: if the file is missing, truncated, no such image, has floating-point or
            32-bit pixels, several pages, or more than ``MAX_PIXELS`` pixels.
    """
    name = name or str(path)
    try:
        with _opened(path, name) as image:
            return _decode(image, path, name)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{name}: no such file; check the path.") from None
    except PermissionError:
        raise InputError(f"{name}: may not be read; change the file's permissions.") from None
    except UnidentifiedImageError:
        raise InputError(
            f"{name}: not a readable PNG, JPEG, BMP or TIFF image (damaged, or a kind of file "
            "that is not supported); save it again as PNG."
        ) from None
    except Exception as error:  # Pillow's decoders raise nearly anything on broken bytes
        raise InputError(
            f"{name}: the image is truncated or damaged ({_line(error)}); restore or remove "
            "the file."
        ) from error


def read_shape(path: Path, *, name: str | None = None) -> tuple[int, int]:
    """``(H, W)`` of an image after its EXIF rotation, from the header alone.

    Raises:
        InputError: if the header cannot be read.
    """
    name = name or str(path)
    try:
        with _opened(path, name) as image:
            width, height = image.size
            # Pillow turns the size of a TIFF by itself.
            if image.format != "TIFF" and _orientation(image) >= 5:
                width, height = height, width
            return height, width
    except InputError:
        raise
    except Exception as error:  # as in read_image
        raise InputError(
            f"{name}: not a readable image ({_line(error)}); restore the file."
        ) from error


def read_mask(path: Path, shape: tuple[int, int], *, name: str | None = None) -> NDArray[np.bool_]:
    """Read a mask file as boolean ``shape = (H, W)``, true where the part is defective.

    A pixel is defective when its largest channel exceeds half of the largest value in the file,
    so files of 0/1, 0/255 and 0/65535 mean the same.

    Raises:
        InputError: if the file cannot be read, has another size than ``shape``, or is empty.
    """
    name = name or str(path)
    return mask_of(read_image(path, name=name), shape, name=name)


def mask_of(pixels: Pixels, shape: tuple[int, int], *, name: str) -> NDArray[np.bool_]:
    """The mask that a mask file's pixels mean; see :func:`read_mask`.

    Raises:
        InputError: as :func:`read_mask`, if it has another size than ``shape`` or is empty.
    """
    if pixels.shape[:2] != tuple(shape):
        raise InputError(
            f"{name}: the mask is {pixels.shape[1]}x{pixels.shape[0]} pixels, its image "
            f"{shape[1]}x{shape[0]}; draw the mask at the image's size."
        )
    mask = binarise(pixels)
    if not mask.any():
        raise InputError(f"{name}: the mask is empty; mark the defect, or remove image and mask.")
    return mask


def binarise(pixels: Pixels) -> NDArray[np.bool_]:
    """Boolean ``(H, W)``: where the largest channel exceeds half of the array's largest value."""
    grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    mask: NDArray[np.bool_] = grey > grey.max() / 2
    return mask


def passed_over(pixels: Pixels) -> tuple[int, ...]:
    """Values of a mask file with few values that are neither 0 nor count as defective, ascending.

    Empty for masks of more than :data:`FEW_VALUES` values, whose edges are smooth.
    """
    grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    values = np.unique(grey)
    if len(values) > FEW_VALUES:
        return ()
    return tuple(int(value) for value in values if 0 < value <= values[-1] / 2)


def to_rgb8(image: Pixels) -> NDArray[np.uint8]:
    """``(H, W, 3)`` uint8 RGB of an image; 16 bits are scaled by their full range, rounded.

    The range is fixed (0 to 65535), never the image's own: brightness means the same in every
    image.
    """
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if image.ndim == 2:
        return np.repeat(image[:, :, None].astype(np.uint8), 3, axis=2)
    return np.ascontiguousarray(image, dtype=np.uint8)


def write_png(path: Path, image: Pixels | NDArray[np.bool_]) -> None:
    """Write what :func:`png_bytes` makes of an image, atomically.

    Raises:
        ValueError: for an array of another type or shape.
    """
    write_bytes(path, png_bytes(image))


def png_bytes(image: Pixels | NDArray[np.bool_]) -> bytes:
    """``(H, W)`` grey or ``(H, W, 3)`` RGB, uint8, uint16 or bool, as the bytes of a PNG file.

    Booleans become 0 and 255. The same pixels give the same bytes.

    Raises:
        ValueError: for an array of another type or shape.
    """
    if image.dtype == np.bool_:
        image = image.astype(np.uint8) * np.uint8(255)
    if image.dtype not in (np.uint8, np.uint16) or not (
        image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    ):
        raise ValueError(f"no PNG for an array of {image.dtype} {image.shape}")
    ordered: Any = image if image.ndim == 2 else image[:, :, ::-1]
    done, encoded = cv2.imencode(
        ".png", np.ascontiguousarray(ordered), [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION]
    )
    if not done:
        raise ValueError(f"no PNG for an array of shape {image.shape}")
    content: bytes = encoded.tobytes()
    return content


def _line(error: Exception) -> str:
    """The error's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Image.Image]:
    """The image with its header read, checked for size and pages."""
    with path.open("rb") as file:
        # Pillow warns at 89 megapixels; ours is the limit that a user meets. Its own is a
        # global of the library, so it is lifted only while a header is read.
        with _pillow_limit:
            kept = Image.MAX_IMAGE_PIXELS
            Image.MAX_IMAGE_PIXELS = None
            try:
                image = Image.open(file, formats=_FORMATS)
                pages = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
            finally:
                Image.MAX_IMAGE_PIXELS = kept
        with image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise InputError(
                    f"{name}: {width}x{height} pixels are more than can be read "
                    f"({MAX_PIXELS:,}); cut or shrink the image."
                )
            if pages > 1:
                raise InputError(
                    f"{name}: the file holds {pages} pages; save the one that is meant by itself."
                )
            yield image


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8."""
    value = image.getexif().get(_ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _bits(image: Image.Image, path: Path) -> int:
    """Bits per channel in the file; Pillow's modes hide those of 16-bit colour."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24]  # IHDR: width, height, then the bit depth
    if image.format == "TIFF":
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, 1)  # type: ignore[attr-defined]
        return max(bits) if isinstance(bits, tuple) else int(bits)
    return 8


def _decode(image: Image.Image, path: Path, name: str) -> Pixels:
    bits = _bits(image, path)
    signed = False
    if image.format == "TIFF":
        sample_format = image.tag_v2.get(_SAMPLE_FORMAT, (1,))  # type: ignore[attr-defined]
        signed = any(value != 1 for value in np.atleast_1d(sample_format))
    if image.mode == "F" or signed or bits > 16:
        raise InputError(
            f"{name}: pixels of {bits} bits, floating-point or signed, have no fixed range; save "
            "the image with 8 or 16 bits."
        )
    # A TIFF is turned by both libraries while it is decoded, the others are left as stored.
    orientation = 1 if image.format == "TIFF" else _orientation(image)
    transparency = image.info.get("transparency")
    image.load()
    if bits == 16 and image.mode.startswith("I"):
        pixels: Pixels = np.asarray(image).astype(np.uint16)
        if image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # type: ignore[attr-defined]
            pixels = 65535 - pixels  # Pillow does so itself for 8 bits only
        if isinstance(transparency, int):
            pixels = np.where(pixels == transparency, np.uint16(0), pixels)
    elif bits == 16:
        pixels = _colour16(image, path, name)
    else:
        pixels = _eight_bits(image, name, transparency is not None)
    return _turned(pixels, orientation)


def _eight_bits(image: Image.Image, name: str, keyed: bool) -> NDArray[np.uint8]:
    """The pixels of a loaded image as uint8; ``keyed`` when a colour or palette is transparent."""
    mode = image.mode
    if mode in ("1", "L", "LA", "La"):
        target = "LA" if keyed or mode in ("LA", "La") else "L"
    elif mode in ("P", "RGB", "CMYK", "YCbCr", "RGBX"):
        target = "RGBA" if keyed else "RGB"
    elif mode in ("RGBA", "RGBa", "PA"):
        target = "RGBA"
    else:
        raise InputError(
            f"{name}: colours of the kind {mode} are not supported; save the image as PNG in grey "
            "or RGB."
        )
    if mode == "1" and keyed:  # Pillow has no direct way from 1 bit to LA
        image = image.convert("L")
    pixels = np.asarray(image if image.mode == target else image.convert(target))
    return _over_black(pixels).astype(np.uint8) if target.endswith("A") else pixels.copy()


def _colour16(image: Image.Image, path: Path, name: str) -> NDArray[np.uint16]:
    """16-bit colour, which Pillow cuts to its upper 8 bits, decoded by OpenCV.

    Pillow's result serves as the check: OpenCV misreads TIFF files with separate colour planes.
    """
    pillow = np.asarray(image)
    content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    decoded: Any = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if decoded is not None and decoded.ndim == 3:
        order = [2, 1, 0, 3][: decoded.shape[2]]
        decoded = decoded[:, :, order]
        if image.mode == "LA":
            decoded = decoded[:, :, [0, 3]]
    if (
        image.mode not in ("RGB", "RGBA", "LA")
        or decoded is None
        or decoded.dtype != np.uint16
        or decoded.shape[:2] != pillow.shape[:2]
        or not np.array_equal((decoded >> 8)[:, :, : pillow.shape[2]], pillow)
    ):
        raise InputError(
            f"{name}: the 16-bit colour is damaged or in an arrangement that is not supported; "
            "save the image again as 16-bit PNG."
        )
    if decoded.shape[2] in (2, 4):
        return _over_black(decoded).astype(np.uint16)
    colour: NDArray[np.uint16] = np.ascontiguousarray(decoded)
    return colour


def _over_black(pixels: NDArray[Any]) -> NDArray[Any]:
    """``(H, W, C + 1)`` with straight alpha last, laid over black; ``(H, W)`` where C is 1."""
    full = int(np.iinfo(pixels.dtype).max)
    alpha = pixels[:, :, -1:].astype(np.uint32)  # 65535**2 + 32767 fits
    laid = (pixels[:, :, :-1] * alpha + full // 2) // full
    return laid[:, :, 0] if laid.shape[2] == 1 else laid


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation: 2 mirrored, 3 upside down, 6 and 8 quarter turns, and so on."""
    turned: Any = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
