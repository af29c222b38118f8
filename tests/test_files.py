from pathlib import Path

import pytest

from anogen.errors import InputError
from anogen.files import sweep, whole_folder


def test_a_whole_folder_may_be_named_by_a_link_or_a_dot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with whole_folder(tmp_path / "link") as part:
        (part / "a.txt").write_text("a")
    assert (tmp_path / "real/a.txt").read_text() == "a"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with whole_folder(Path()) as part:
        (part / "b.txt").write_text("b")
    assert (tmp_path / "here/b.txt").read_text() == "b"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "link", "real"]


def test_a_volume_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.path.ismount", lambda _: True)
    with pytest.raises(InputError, match="a whole volume"), whole_folder(tmp_path):
        pass


def test_sweeping_leaves_folders_that_are_being_filled(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "export") as part:
        (part / ".inner.x.tmp").write_text("half")
        (tmp_path / "bank").mkdir()
        (tmp_path / "bank/.image.png.x.tmp").write_text("half")
        sweep(tmp_path)
        assert (part / ".inner.x.tmp").exists()
        assert not (tmp_path / "bank/.image.png.x.tmp").exists()
