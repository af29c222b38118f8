"""The review's page in a real browser: open, accept, reject, paint, reload."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from chromium import BROWSER, Page
from reviewable import make_reviewable

from anogen.bank.bank import Bank
from anogen.study.review.server import ReviewServer
from anogen.study.review.start import sitting_of
from anogen.study.run_folder import RunFolder

pytest.importorskip("websocket")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_reviewable(tmp_path_factory.mktemp("review"))


@pytest.fixture(scope="module")
def page(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    server = ReviewServer(sitting_of(run), title="run", host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with Page(tmp_path_factory.mktemp("profile")) as page:
            page.size(1200, 800)
            page.open(server.url)
            yield page
            assert page.complaints == []
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def words(run: RunFolder) -> dict[str, str | None]:
    bank = Bank(run.bank("disc"))
    return {e.id: e.review.word if e.review is not None else None for e in bank}


def at_canvas(x: float, y: float) -> str:
    """Where a pixel of the image is in the window."""
    return (
        f"(({x}) * eye.scale + eye.x + canvas.getBoundingClientRect().left) + ' ' + "
        f"(({y}) * eye.scale + eye.y + canvas.getBoundingClientRect().top)"
    )


def spot(page: Page, x: float, y: float) -> tuple[float, float]:
    left, top = map(float, page.tell(at_canvas(x, y)).split())
    return left, top


def test_accept_reject_paint_reload(page: Page, run: RunFolder) -> None:
    assert page.tell("shown.info.id") == "defect-0-000"
    assert page.tell("document.getElementById('counts').textContent") == "0 of 8 reviewed"
    page.press("r")
    page.wait("!busy")
    # No word is taken before the next image is shown: it would fall on the one before.
    assert page.tell("shown.info.id") == "defect-0-001"
    page.press("a")
    page.wait("shown.info.id === 'defect-0-002'")
    assert words(run)["defect-0-000"] == "rejected"
    assert words(run)["defect-0-001"] == "accepted"

    # A stroke of 8 pixels along row 10, and one of the eraser over the drawn defect.
    own = np.array(Bank(run.bank("disc")).mask(Bank(run.bank("disc")).manifest["defect-0-002"]))
    page.press("b")
    page.press("5")
    page.drag(spot(page, 10, 10), spot(page, 40, 10))
    page.wait("shown.dirty")
    page.press("s")
    page.wait("!shown.dirty")
    bank = Bank(run.bank("disc"))
    entry = bank.manifest["defect-0-002"]
    painted = bank.mask(entry)
    assert painted is not None
    y, x = np.mgrid[:64, :64] + 0.5
    away = np.hypot(x - np.clip(x, 10, 40), y - 10)
    np.testing.assert_array_equal(painted[away < 3.4], 1)
    np.testing.assert_array_equal(painted[away > 4.6], own[away > 4.6])
    assert entry.review is not None
    assert entry.review.word is None

    # Undone strokes were never there; what is painted goes with an accept.
    page.press("e")
    page.drag(spot(page, 20, 10), spot(page, 30, 10))
    page.wait("shown.dirty")
    page.press("u")
    page.wait("!shown.dirty")
    page.drag(spot(page, 10, 10), spot(page, 10.5, 10))
    page.wait("shown.dirty")
    page.press("a")
    page.wait("shown.info.id === 'defect-0-003'")
    bank = Bank(run.bank("disc"))
    after = bank.mask(bank.manifest["defect-0-002"])
    assert after is not None
    assert after[10, 10] == 0
    assert after[10, 25] == 1
    page.press("e")

    page.reload()
    page.wait("shown?.info.id === 'defect-0-003'")
    assert page.tell("document.getElementById('bar').value") == 3
    page.press("ArrowRight")
    page.wait("shown.info.id === 'defect-1-000'")
    page.tell("at('which').value = 'all', filterChanged()")
    page.press("ArrowLeft")
    for name in ("defect-0-003", "defect-0-002"):
        page.wait(f"shown.info.id === '{name}' && !busy")
        page.press("ArrowLeft")
    page.wait("shown.info.id === 'defect-0-001'")
    assert page.tell("shown.info.word") == "accepted"
    assert page.tell("images.find((one) => one.id === 'defect-0-002').corrected")


def test_undo_takes_the_last_word_back(page: Page, run: RunFolder) -> None:
    page.tell("at('which').value = 'rejected', filterChanged()")
    page.wait("shown.info.id === 'defect-0-000' && !busy")
    page.press("a")
    page.wait("images[0].word === 'accepted' && !busy")
    assert words(run)["defect-0-000"] == "accepted"
    page.press("u")
    page.wait("images[0].word === 'rejected' && !busy")
    assert words(run)["defect-0-000"] == "rejected"
    assert page.tell("shown.info.id") == "defect-0-000"


def test_a_reject_drops_what_was_painted_on_the_last_image_too(page: Page) -> None:
    page.tell("at('which').value = 'all', filterChanged()")
    page.tell("show(images[7])")
    page.wait("shown.info.id === 'defect-1-003' && !busy")
    before = page.tell("shown.mask.join('')")
    page.press("b")
    page.drag(spot(page, 2, 2), spot(page, 60, 60))
    page.wait("shown.dirty && shown.mask.join('') !== '" + before + "'")
    page.press("r")
    page.wait("images[7].word === 'rejected' && !busy && !shown.dirty")
    assert page.tell("shown.mask.join('')") == before
    page.press("b")
    page.press("u")
    page.wait("images[7].word === null && !busy")


def test_views_and_filters(page: Page) -> None:
    page.tell("at('which').value = 'undecided', filterChanged()")
    page.tell("at('defect').value = kind(images[7]), filterChanged(), show(order[0])")
    page.wait("shown.info.id === 'defect-1-000' && !busy")
    assert page.tell("order.length") == 4
    page.press("n")
    page.wait("at('caption').textContent === 'normal'")
    page.press("g")
    page.wait("at('caption').textContent === 'generated'")
    whole = page.tell("eye.scale")
    page.press("z")
    page.wait("frame === 'box'")
    assert page.tell("eye.scale") > 1.5 * whole
    page.press("z")
    page.wait("frame === 'whole'")
    page.press("?")
    page.wait("at('keys').open")
    page.tell("at('keys').close()")


def test_the_outline_leaves_the_defect_in_sight_and_the_brush_fills_it(page: Page) -> None:
    page.tell("at('which').value = 'all', at('defect').value = '', filterChanged()")
    page.tell("view = 'generated', show(images[4])")
    page.wait("shown.info.id === images[4].id && !busy")
    # A pixel with the mask all around it, and what the window shows of it.
    page.tell(
        "inner = [...shown.mask.keys()].find((i) => [0, 1, -1, 64, -64].every((d) => "
        "shown.mask[i + d] >= 128)),"
        "look = () => pen.getImageData((inner % 64 + 0.5) * eye.scale + eye.x,"
        " (Math.floor(inner / 64) + 0.5) * eye.scale + eye.y, 1, 1).data.join(), 0"
    )
    page.tell("tool = null, maskOn = false, draw(), bare = look()")
    page.tell("maskOn = true, draw()")
    assert page.tell("look() === bare")
    page.press("b")
    assert page.tell("look() !== bare")
    page.press("b")
    assert page.tell("look() === bare")


def test_after_the_last_word_there_is_a_way_back(page: Page) -> None:
    page.tell("at('which').value = 'all', at('defect').value = '', filterChanged()")
    page.tell("said = images.map((one) => one.word), show(null)")
    assert "Nothing to show" in page.tell("at('empty').textContent")
    assert not page.tell("document.querySelector('[data-do=back]').disabled")
    assert page.tell("document.querySelector('[data-do=accept]').disabled")
    page.press("ArrowLeft")
    page.wait("shown?.info === order.at(-1) && !busy")
    page.tell("images.forEach((one, i) => { one.word = i ? 'accepted' : 'rejected' }), show(null)")
    assert "7 accepted, 1 rejected" in page.tell("at('empty').textContent")
    page.tell("images.forEach((one, i) => { one.word = said[i] }), show(order[0])")
    page.wait("shown?.info === order[0]")


def test_nothing_overflows_a_narrow_window(page: Page) -> None:
    for width, height in ((400, 800), (1200, 800)):
        page.size(width, height)
        page.wait(f"document.documentElement.scrollWidth === {width}")
        assert page.tell("document.documentElement.scrollHeight") == height
        outside = "[...document.querySelectorAll('button:not(dialog *), select, input')].filter("
        outside += f"(one) => one.getBoundingClientRect().right > {width}).length"
        assert page.tell(outside) == 0
        # The image keeps room, and the words are within reach without scrolling.
        assert page.tell("canvas.clientHeight") > 300
        assert (
            page.tell("document.querySelector('.accept').getBoundingClientRect().bottom") < height
        )
