"""Score maps of images of any size lie where the detector saw them."""

import os
from pathlib import Path

import numpy as np
import pytest

from anogen.data.images import read_image, write_png
from anogen.detection.contract import Prediction
from anogen.errors import InputError
from anogen.study.score_images import images_at, score_images


class SeesBright:
    """Scores brightness: a map of grey values in [0, 1] at 32 pixels, their highest as score."""

    image_size = 32

    def predict(self, images: np.ndarray) -> Prediction:
        assert images.shape[1:] == (32, 32, 3)
        maps = images.mean(axis=3).astype(np.float32) / 255
        return Prediction(maps.max(axis=(1, 2)), maps.astype(np.float16))


@pytest.mark.parametrize("shape", [(32, 32), (96, 160), (16, 24), (20, 300)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_maps_have_the_images_size_and_its_places(
    tmp_path: Path, shape: tuple[int, int], kind: type
) -> None:
    image = np.zeros(shape, dtype=kind)
    height, width = shape
    image[: height // 2, : width // 4] = np.iinfo(kind).max
    write_png(tmp_path / "part.png", image)
    (scored,) = score_images(SeesBright(), images_at([tmp_path / "part.png"]), tmp_path / "out")
    score_map = np.load(tmp_path / "out" / scored.map, allow_pickle=False)
    assert (score_map.dtype, score_map.shape) == (np.float16, shape)
    assert scored.score == pytest.approx(1.0)
    # Away from the edge, which is as soft as the detector's pixels are large, the map is the image.
    y, x = (side // 32 + 3 for side in shape)
    assert score_map[: height // 2 - y, : width // 4 - x].min() > 0.9
    assert score_map[height // 2 + y :].max() < 0.1
    assert score_map[:, width // 4 + x :].max() < 0.1
    # Colour where the score is high; the darkened grey image elsewhere.
    overlay = read_image(tmp_path / "out" / scored.overlay).astype(int)
    spread = overlay.max(axis=2) - overlay.min(axis=2)
    assert spread[0, 0] > 50
    assert spread[-1, -1] == 0


def test_images_are_found_in_order_and_named_by_their_place(tmp_path: Path) -> None:
    for name in ("b/x.png", "a/x.png", "a/y.PNG"):
        write_png(tmp_path / name, np.zeros((4, 4), np.uint8))
    (tmp_path / "a/list.csv").write_text("no image")
    assert list(images_at([tmp_path])) == ["a/x", "a/y", "b/x"]
    found = images_at([tmp_path / "b/x.png", tmp_path / "a/y.PNG"])
    assert found == {"x": tmp_path / "b/x.png", "y": tmp_path / "a/y.PNG"}


def test_a_name_that_is_no_text_is_told_before_any_work(tmp_path: Path) -> None:
    broken = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xfcll.png"))
    try:
        broken.write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(InputError, match=r"m\?ll\.png: the name is no valid UTF-8"):
        images_at([tmp_path])
