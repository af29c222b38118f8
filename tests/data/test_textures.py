from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anogen.data import textures
from anogen.data.images import Pixels
from anogen.data.textures import TextureSource, noise_texture, shared_textures
from anogen.errors import InputError


def test_textures_of_a_folder_are_drawn_evenly(tmp_path: Path) -> None:
    for i, value in enumerate((10, 20, 30)):
        path = tmp_path / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((9, 5), value, dtype=np.uint8)).save(path)
    (tmp_path / "INDEX.tsv").write_text("not an image")
    source = TextureSource(tmp_path, size=8)
    assert len(source) == 3
    rng = np.random.default_rng(0)
    drawn = [source.draw(rng, 4) for _ in range(300)]
    assert all(texture.shape == (4, 4, 3) for texture in drawn)
    values, counts = np.unique([int(texture[0, 0, 0]) for texture in drawn], return_counts=True)
    assert values.tolist() == [10, 20, 30]
    assert counts.min() > 60
    drawn[0][:] = 0  # a drawn texture is the caller's own
    assert not any((source.draw(rng, 8) == 0).any() for _ in range(50))


def test_a_folder_is_read_once_while_its_files_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(name: str, value: int) -> None:
        Image.fromarray(np.full((9, 5), value, dtype=np.uint8)).save(tmp_path / name)

    read: list[str] = []
    plain = textures.read_image

    def counted(path: Path) -> Pixels:
        read.append(path.name)
        return plain(path)

    monkeypatch.setattr(textures, "read_image", counted)
    for name in ("a.png", "b.png"):
        write(name, 10)
    first = shared_textures(tmp_path, size=8)
    assert shared_textures(tmp_path / ".." / tmp_path.name, size=8) is first
    assert sorted(read) == ["a.png", "b.png"]
    assert shared_textures(tmp_path, size=4) is not first
    assert len(read) == 4
    write("c.png", 200)
    (tmp_path / "a.png").unlink()
    later = shared_textures(tmp_path, size=4)
    assert sorted(read[4:]) == ["b.png", "c.png"]
    rng = np.random.default_rng(0)
    assert {int(later.draw(rng, 4)[0, 0, 0]) for _ in range(20)} == {10, 200}


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no texture images"):
        TextureSource(tmp_path)


def test_without_a_folder_textures_are_noise_by_seed() -> None:
    source = TextureSource()
    assert len(source) == 0
    first = source.draw(np.random.default_rng(1), 32)
    np.testing.assert_array_equal(first, noise_texture(np.random.default_rng(1), 32))
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    assert first.std() > 1
    assert (first != source.draw(np.random.default_rng(2), 32)).any()
