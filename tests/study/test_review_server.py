"""The review's server: who is answered, and what changes."""

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reviewable import make_reviewable

from anogen.bank.bank import Bank
from anogen.data.images import read_image, write_png
from anogen.errors import InputError
from anogen.study.review.server import HEADER, ReviewServer
from anogen.study.review.session import key_of
from anogen.study.review.start import banks_of, sitting_of
from anogen.study.run_folder import RunFolder
from anogen.study.settings import resolve

FIRST, FAINT = "defect-0-000", "defect-0-003"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reviewable(tmp_path_factory.mktemp("made")).path.parent


@pytest.fixture
def run(made: Path, tmp_path: Path) -> RunFolder:
    """A copy of the run and its dataset for one test."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    settings = resolve("quick", {"dataset": {"root": str(tmp_path / "dataset")}})
    return RunFolder(tmp_path / "run", settings)


@pytest.fixture
def server(run: RunFolder) -> Iterator[ReviewServer]:
    server = ReviewServer(sitting_of(run), title="a </script> run", host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(
    server: ReviewServer, method: str, path: str, body: bytes = b"", **headers: str | None
) -> tuple[int, bytes]:
    """Status and body; the token is sent unless another value (or None) is given for it."""
    given = {"token": server.token, "Host": f"127.0.0.1:{server.server_port}", **headers}
    token = given.pop("token")
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {HEADER: token, **given}.items():
        if value is not None:
            connection.putheader(name, value)
    if method == "POST":
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body if method == "POST" else None)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def bank_of(run: RunFolder) -> Bank:
    return Bank(run.bank("disc"))


def test_words_masks_and_the_way_back_are_in_the_manifest_at_once(
    server: ReviewServer, run: RunFolder
) -> None:
    key = key_of("disc", FIRST)
    listed = json.loads(ask(server, "GET", "/bank")[1])["images"]
    assert len(listed) == 8
    assert {one["word"] for one in listed} == {None}
    status, content = ask(server, "POST", f"/words/{key}", b"rejected")
    assert status == 200
    assert json.loads(content)["image"]["word"] == "rejected"
    assert not bank_of(run).manifest[FIRST].accepted

    mask = np.zeros((64, 64), np.uint8)
    mask[5:9, 40:50] = 255
    assert ask(server, "POST", f"/masks/{key}", mask.tobytes())[0] == 200
    entry = bank_of(run).manifest[FIRST]
    assert entry.region.as_list() == [40, 5, 50, 9]
    assert ask(server, "GET", f"/pictures/{key}/mask") == (200, mask.tobytes())
    assert ask(server, "POST", f"/masks/{key}", bytes(64 * 64))[0] == 422
    assert ask(server, "POST", f"/masks/{key}", bytes(5))[0] == 422

    for word in ("rejected", None):
        assert ask(server, "POST", "/undo")[0] == 200
        review = bank_of(run).manifest[FIRST].review
        assert (review and review.word) == word
        assert (review and review.mask) is None
    assert json.loads(ask(server, "POST", "/undo")[1]) == {"image": None}


def test_pictures_are_those_of_the_bank_and_the_dataset(
    server: ReviewServer, run: RunFolder, tmp_path: Path
) -> None:
    entry = bank_of(run).manifest[FIRST]
    for name, path in (
        ("generated", run.bank("disc") / entry.image),
        ("normal", tmp_path / "dataset" / entry.normal),
    ):
        status, content = ask(server, "GET", f"/pictures/{key_of('disc', FIRST)}/{name}")
        assert status == 200
        (tmp_path / "sent.png").write_bytes(content)
        np.testing.assert_array_equal(read_image(tmp_path / "sent.png"), read_image(path))
    write_png(tmp_path / "dataset" / entry.normal, np.zeros((64, 64), np.uint8))
    status, content = ask(server, "GET", f"/pictures/{key_of('disc', FIRST)}/normal")
    assert (status, b"has changed since" in content) == (422, True)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/bank", {"token": None}, 403),
        ("GET", "/bank", {"token": "guessed"}, 403),
        ("GET", "/bank", {"token": "\xfc"}, 403),
        ("GET", "/bank", {"Host": "evil.example:PORT"}, 403),
        ("GET", "/bank", {"Host": "127.0.0.1.evil.example:PORT"}, 403),
        ("GET", "/bank", {"Host": "127.0.0.1:1"}, 403),
        ("GET", "/bank", {"Host": None}, 403),
        ("GET", "/bank", {"Host": "localhost:PORT"}, 200),
        ("GET", "/bank", {"Host": "LocalHost:PORT"}, 200),
        ("GET", "/bank", {"Host": "localhost"}, 403),
        ("GET", "/", {}, 403),
        ("GET", "/?token=guessed", {}, 403),
        ("POST", "/words/KEY", {"Origin": "http://evil.example"}, 403),
        ("POST", "/words/KEY", {"Origin": "null"}, 403),
        ("POST", "/words/KEY", {"token": None}, 403),
        ("POST", "/words/KEY", {"Origin": "http://127.0.0.1:PORT"}, 200),
        ("POST", "/words/0123456789abcdef", {}, 404),
        ("GET", "/config.yaml", {}, 404),
        ("GET", "/../config.yaml", {}, 404),
        ("GET", "/pictures/../../config.yaml", {}, 404),
        ("GET", "/pictures/%2e%2e%2fconfig.yaml/generated", {}, 404),
        ("GET", "/pictures/defect-0-000/generated", {}, 404),
        ("GET", "/pictures/KEY/../../manifest.jsonl", {}, 404),
        ("GET", "/pictures/KEY/finish", {}, 404),
        ("DELETE", "/words/KEY", {}, 501),
    ],
)
def test_who_is_answered(
    server: ReviewServer, run: RunFolder, method: str, path: str, headers: Any, status: int
) -> None:
    port = str(server.server_port)
    headers = {k: v and v.replace("PORT", port) for k, v in headers.items()}
    path = path.replace("KEY", key_of("disc", FIRST))
    assert ask(server, method, path, b"rejected", **headers)[0] == status
    changed = bank_of(run).manifest[FIRST].review is not None
    assert changed == (method == "POST" and status == 200)


def test_what_else_is_sent_is_refused(server: ReviewServer, run: RunFolder) -> None:
    key = key_of("disc", FAINT)
    before = (run.bank("disc") / "manifest.jsonl").read_bytes()
    assert ask(server, "POST", f"/words/{key}", b"perhaps")[0] == 400
    assert ask(server, "POST", f"/words/{key}", **{"Content-Length": "1e3"})[0] == 411
    assert ask(server, "POST", f"/masks/{key}", **{"Content-Length": str(1 << 40)})[0] == 413
    assert (run.bank("disc") / "manifest.jsonl").read_bytes() == before


def test_the_page_carries_its_token_and_nothing_breaks_out_of_it(server: ReviewServer) -> None:
    status, page = ask(server, "GET", f"/?token={server.token}", token=None)
    assert status == 200
    assert server.token.encode() in page
    assert b"a </script> run" not in page
    assert page.count(b"</script>") == 2


def test_it_listens_on_loopback(server: ReviewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/?token={server.token}"
    with pytest.raises(InputError, match="give another --port"):
        ReviewServer(server.sitting, title="", host="127.0.0.1", port=server.server_port)


def test_a_link_out_of_the_bank_is_not_followed(
    server: ReviewServer, run: RunFolder, tmp_path: Path
) -> None:
    image = run.bank("disc") / "images" / f"{FIRST}.png"
    image.rename(tmp_path / "secret.png")
    image.symlink_to(tmp_path / "secret.png")
    status, content = ask(server, "GET", f"/pictures/{key_of('disc', FIRST)}/generated")
    assert (status, b"leaves" in content) == (422, True)


def test_a_bank_that_is_a_link_out_of_the_run_is_not_opened(run: RunFolder, tmp_path: Path) -> None:
    bank = run.bank("disc")
    bank.rename(tmp_path / "elsewhere")
    bank.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="bank/disc: the path leaves"):
        banks_of(run)


def test_what_cannot_be_reviewed_says_why(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bank of bolt; there are: disc"):
        banks_of(run, ["bolt"])
    with pytest.raises(InputError, match="nothing is drawn yet; run 'anogen generate"):
        sitting_of(RunFolder(tmp_path / "dataset", run.settings))
    (tmp_path / "cells").mkdir()
    cell = run.path.rename(tmp_path / "cells" / "solar")  # a run's own name
    assert len(sitting_of(RunFolder(cell, run.settings))) > 0
    cell = cell.rename(tmp_path / "cells" / "0123456789abcdef")
    with pytest.raises(InputError, match="is a cell of a study"):
        sitting_of(RunFolder(cell, run.settings))
