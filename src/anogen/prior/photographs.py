"""Real photographs for training the embedded prior, all free to use and to build upon.

They come out of Python and Debian packages: ``photographs.yaml`` lists each file with its
author, licence and SHA-256, ``docs/prior-attribution.md`` shows the same list to people.
Run ``python -m anogen.prior.photographs OUT_DIR`` to fetch them.
"""

import argparse
import functools
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Literal

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from anogen.errors import InputError
from anogen.files import write_bytes

Kind = Literal["texture", "object", "landscape"]

LONG_SIDE = 2048

# Defects lie on surfaces: wood, stone, fabric, metal count three times a landscape.
KIND_WEIGHT: dict[Kind, float] = {"texture": 3.0, "object": 1.5, "landscape": 1.0}

FLAT_STD = 0.02
FLAT_KEPT = 0.05
FINE_SHARE = 0.6
FINE_SCALE = 2.0
COARSEST_SCALE = 6.0
GREY_SHARE = 0.35
CONTRAST = (0.7, 1.3)
BRIGHTNESS = 0.1


@dataclass(frozen=True)
class Photograph:
    """One listed file: where it lies in its package, whose it is, and its hash."""

    path: str
    author: str
    licence: str
    kind: Kind
    sha256: str


@dataclass(frozen=True)
class Package:
    """A package of PyPI or Debian and the photographs taken out of it.

    ``path`` of each photograph lies below ``folder``, in the package itself or in the zip file
    ``archive`` inside it. ``halve`` asks for half the side, which removes the blocks of
    block-compressed files. ``statement`` says where the licence is written.
    """

    package: str
    registry: Literal["pypi", "debian"]
    folder: str
    statement: str
    files: tuple[Photograph, ...]
    version: str | None = None
    archive: str | None = None
    halve: bool = False

    def output_name(self, photograph: Photograph) -> str:
        """The file name in the output folder: lower case, unique, always ``.png``."""
        # A cached texture is called NAME.png.cached.dds: every suffix goes.
        stem = re.sub(r"(\.(png|jpe?g|webp|dds|cached))+$", "", photograph.path, flags=re.I)
        return f"{self.package}-{re.sub(r'[^a-z0-9]+', '-', stem.lower())}.png"


@functools.cache
def packages() -> tuple[Package, ...]:
    """All packages of ``photographs.yaml``."""
    text = resources.files(__package__).joinpath("photographs.yaml").read_text(encoding="utf-8")
    return tuple(
        Package(**{**entry, "files": tuple(Photograph(**file) for file in entry["files"])})
        for entry in yaml.safe_load(text)
    )


def _run(command: list[str], *, folder: Path, package: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InputError(
            f"{package}: the program {command[0]} is missing; install it or run on Debian."
        ) from None
    if done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise InputError(
            f"{package}: {command[0]} could not download it ({reason}); "
            "check the network and the package sources, then run again."
        )


def _download(package: Package, folder: Path) -> Path:
    if package.registry == "debian":
        _run(["apt-get", "download", package.package], folder=folder, package=package.package)
        pattern = "*.deb"
    else:
        requirement = f"{package.package}=={package.version}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        _run([*pip, "--only-binary=:all:", requirement], folder=folder, package=package.package)
        pattern = "*.whl"
    found = next(folder.glob(pattern), None)
    if found is None:
        raise InputError(f"{package.package}: the download left no {pattern}; run again.")
    return found


def _deb_members(deb: Path, wanted: set[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """Stream a Debian package once; each wanted member becomes a file of ``folder``."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            name = str(PurePosixPath(member.name))
            content = archive.extractfile(member) if name in wanted else None
            if content is None:
                continue
            copy = folder / "member"
            with copy.open("wb") as file:
                while block := content.read(1 << 20):
                    file.write(block)
            yield name, copy


def _zip_contents(path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(wanted & set(archive.namelist())):
            yield name, archive.read(name)


def _contents(package: Package, download: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the wanted members of a downloaded package."""
    if package.registry == "pypi":
        yield from _zip_contents(download, wanted)
        return
    outer = {package.archive} if package.archive else wanted
    for name, copy in _deb_members(download, outer, download.parent):
        if package.archive:
            yield from _zip_contents(copy, wanted)
        else:
            yield name, copy.read_bytes()


def _as_png(content: bytes, *, name: str, halve: bool) -> bytes:
    """Decode any image Pillow knows; RGB, at most ``LONG_SIDE`` long, as PNG."""
    try:
        with Image.open(io.BytesIO(content)) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(
            f"{name}: this Pillow cannot decode the image ({error}); install a newer Pillow."
        ) from None
    share = min((0.5 if halve else 1.0), LONG_SIDE / max(image.size))
    if share < 1:
        width, height = (max(1, round(side * share)) for side in image.size)
        pixels = np.asarray(image)
        image = Image.fromarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    buffer = io.BytesIO()
    # Some packages carry a broken colour profile, which readers would complain about.
    image.save(buffer, format="PNG", compress_level=3, icc_profile=None)
    return buffer.getvalue()


def fetch(package: Package, out: Path) -> int:
    """Write the photographs of one package into ``out``; those already there are left alone.

    Returns:
        How many files were written; 0 without any download when nothing was missing.

    Raises:
        InputError: when the package cannot be downloaded, lacks a listed file, or holds other
            bytes than listed (another version of the package).
    """
    missing = {
        str(PurePosixPath(package.folder) / file.path): file
        for file in package.files
        if not (out / package.output_name(file)).is_file()
    }
    if not missing:
        return 0
    left = dict(missing)
    with tempfile.TemporaryDirectory() as temporary:
        download = _download(package, Path(temporary))
        for name, content in _contents(package, download, set(missing)):
            file = left.pop(name)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise InputError(
                    f"{package.package}: {name} is not the listed file (its SHA-256 differs); "
                    "use the package version the list was made from."
                )
            png = _as_png(content, name=name, halve=package.halve)
            write_bytes(out / package.output_name(file), png)
    if left:
        raise InputError(
            f"{package.package}: it holds no {min(left)}; "
            "use the package version the list was made from."
        )
    return len(missing)


def attribution(listed: tuple[Package, ...]) -> str:
    """The list as Markdown: per package a table of file, author and licence."""
    parts = []
    for package in listed:
        source = {"pypi": "PyPI", "debian": "Debian"}[package.registry]
        version = f" {package.version}" if package.version else ""
        rows = "\n".join(
            f"| {file.path.replace('|', ' ')} | {file.author} | {file.licence} |"
            for file in package.files
        )
        parts.append(
            f"## {package.package}{version} ({source})\n\n"
            f"Folder `{package.folder}`; licence stated in: {package.statement}.\n\n"
            f"| File | Author | Licence |\n|---|---|---|\n{rows}\n"
        )
    return "\n".join(parts)


@dataclass(frozen=True)
class _Collection:
    images: tuple[NDArray[np.uint8], ...]
    probabilities: NDArray[np.float64]


@functools.lru_cache(maxsize=1)
def _collection(files: tuple[tuple[Path, int], ...], size: int) -> _Collection:
    """Every image of at least ``size`` on both sides, decoded once, with its probability.

    The probability of an image is its kind's weight times the root of its pixels, up to one
    megapixel, so that small files repeat less often. Files not listed count as objects.
    """
    kinds: dict[str, Kind] = {
        package.output_name(file): file.kind for package in packages() for file in package.files
    }
    images = []
    weights = []
    for path, _ in files:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{path}: not a readable image; delete it and fetch again.")
        height, width = image.shape[:2]
        if min(height, width) < size:
            continue
        images.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False))
        area = min(height * width / 2**20, 1.0)
        weights.append(KIND_WEIGHT[kinds.get(path.name, "object")] * area**0.5)
    total = np.asarray(weights, dtype=np.float64)
    return _Collection(tuple(images), total / total.sum() if images else total)


def _crop(image: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square crop at a random place and scale, ``(size, size, 3)``."""
    height, width = image.shape[:2]
    coarsest = min(COARSEST_SCALE, min(height, width) / size)
    if rng.random() < FINE_SHARE:
        scale = rng.uniform(1.0, min(FINE_SCALE, coarsest))
    else:
        scale = float(np.exp(rng.uniform(0.0, np.log(coarsest))))
    side = min(round(size * scale), height, width)
    top = int(rng.integers(height - side + 1))
    left = int(rng.integers(width - side + 1))
    crop = image[top : top + side, left : left + side]
    if side != size:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return crop


def _grey(window: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey: NDArray[np.uint8] = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
    return grey


def _jitter(window: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn, flip, maybe grey, then contrast about the mean and brightness."""
    window = np.rot90(window, int(rng.integers(4)))
    if rng.random() < 0.5:
        window = window[:, ::-1]
    if rng.random() < GREY_SHARE:
        window = np.repeat(_grey(np.ascontiguousarray(window))[..., None], 3, axis=2)
    contrast = rng.uniform(*CONTRAST)
    mean = float(window.mean())
    shift = 255.0 * rng.uniform(-BRIGHTNESS, BRIGHTNESS)
    levels = np.arange(256) * contrast + (1.0 - contrast) * mean + shift
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    jittered: NDArray[np.uint8] = table[window]
    return jittered


def windows(folder: Path, count: int, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Random square windows out of the photographs of a folder.

    Each is cut at a scale from 1:1 to 1:6 (most between 1:1 and 1:2, for the detail of
    textures), turned, flipped, jittered in contrast and brightness, and in 35 % of the cases
    grey. Of windows that are nearly flat (standard deviation below 0.02 of the range) only 5 %
    are kept. The first call decodes the folder and keeps it in memory.

    Args:
        folder: PNG and JPEG files, as :func:`fetch` writes them; images smaller than ``size``
            are passed over.
        count: number of windows.
        size: side of a window in pixels.
        rng: the source of all randomness.

    Returns:
        ``(count, size, size, 3)`` uint8, RGB.

    Raises:
        InputError: when the folder holds no image that is large enough.
    """
    files = tuple(
        (path, path.stat().st_mtime_ns)
        for path in sorted(folder.glob("*"))
        if path.suffix.lower() in {".png", ".jpg", ".jpeg"}
    )
    collection = _collection(files, size)
    if not collection.images:
        raise InputError(
            f"{folder}: no photograph of at least {size} x {size} pixels; "
            f"run `python -m anogen.prior.photographs {folder}` first."
        )
    result = np.empty((count, size, size, 3), dtype=np.uint8)
    filled = 0
    while filled < count:
        chosen = rng.choice(len(collection.images), p=collection.probabilities)
        window = _crop(collection.images[chosen], size, rng)
        flat = float(_grey(window).std()) < FLAT_STD * 255
        if flat and rng.random() >= FLAT_KEPT:
            continue
        result[filled] = _jitter(window, rng)
        filled += 1
    return result


def main(arguments: list[str] | None = None) -> int:
    """Fetch every listed photograph into a folder; 0 done, 2 something could not be had."""
    parser = argparse.ArgumentParser(
        prog="python -m anogen.prior.photographs",
        description="Fetch the freely licensed photographs on which the embedded prior trains.",
    )
    parser.add_argument("out", type=Path, help="folder for the photographs; may be resumed")
    out: Path = parser.parse_args(arguments).out
    failed = 0
    for package in packages():
        try:
            written = fetch(package, out)
        except InputError as error:
            print(error, file=sys.stderr)
            failed = 2
            continue
        present = len(package.files)
        print(f"{package.package}: {present} photographs, {written} new", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
