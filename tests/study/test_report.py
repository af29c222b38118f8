"""The report: self-contained, escaped, complete, and honest about what is missing."""

import base64
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_run import make_run

from anogen.data.images import write_png
from anogen.errors import InputError
from anogen.placement.box import Box
from anogen.study.curves import at_recall, intervals, smoothed
from anogen.study.gallery import ConceptHeader, difference
from anogen.study.metric_table import COLUMNS
from anogen.study.notices import keep_notices, kept_notices
from anogen.study.pictures import data_uri, heat, truth_outline, window_around
from anogen.study.report import write_report
from anogen.study.results import Gain, PixelMetrics, read_results, write_results

EVIL = "<script>alert(1)</script>&amp;"


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("made"), side=48, tests=6)


@pytest.fixture(scope="module")
def html(made: Path) -> str:
    return write_report(made).read_text()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def copy_of(made: Path, folder: Path) -> Path:
    shutil.copytree(made, folder / "run")
    return folder / "run"


def test_nothing_is_loaded_from_elsewhere(html: str, page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        for name in ("src", "srcset", "href", "action", "data", "poster"):
            target = attributes.get(name) or ""
            assert target.startswith(("data:image/", "#")) or target == "", (tag, target[:60])
    assert "url(" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html


def test_every_picture_decodes_and_has_a_text_and_every_header_a_scope(page: Page) -> None:
    images = page.all("img")
    assert len(images) > 60
    for image in images:
        content = base64.b64decode((image["src"] or "").partition(",")[2])
        assert Image.open(io.BytesIO(content)).size[0] > 0
        assert "alt" in image
    assert all(image["aria-label"] for image in page.all("svg") if image.get("role") == "img")
    assert all("scope" in header for header in page.all("th"))


def test_headers_of_the_numbers_span_their_columns(page: Page) -> None:
    spans = [int(h["colspan"] or 0) for h in page.all("th") if h.get("scope") == "colgroup"]
    assert spans == [3, 6]
    assert sum(spans) == len(COLUMNS)
    rows = {h["colspan"] for h in page.all("th") if h.get("scope") == "rowgroup"}
    assert rows == {str(2 + len(COLUMNS))}


def test_without_masks_of_the_test_images_there_are_no_columns_of_pixels(
    made: Path, page: Page, tmp_path: Path
) -> None:
    run = copy_of(made, tmp_path)
    results = read_results(run / "results.json")
    unknown = PixelMetrics()
    runs = tuple(
        run.model_copy(
            update={
                "pixel": unknown,
                "defects": {
                    d: m.model_copy(update={"pixel": unknown}) for d, m in run.defects.items()
                },
            }
        )
        for run in results.runs
    )
    gains = tuple(gain for gain in results.gain if not gain.metric.startswith("pixel"))
    write_results(run / "results.json", results.model_copy(update={"runs": runs, "gain": gains}))
    bare = Page(write_report(run).read_text())
    assert [h["colspan"] for h in bare.all("th") if h.get("scope") == "colgroup"] == ["3"]
    assert {h["colspan"] for h in bare.all("th") if h.get("scope") == "rowgroup"} == {"5"}
    words = "No held-out image has a ground-truth mask"
    assert words in bare.text
    assert words not in page.text


def test_the_page_says_whether_it_helps_and_shows_each_part(page: Page) -> None:
    text = " ".join(page.text.split())
    assert "Does it help on disc?" in text
    assert re.search(
        r"Generated images (help|hurt|make no clear difference to) draem on disc", text
    )
    assert re.search(r"95 % interval [+−]?\d", text)
    for words in ("4 of 7 accepted images", "Found best", "Found worst", "Loudest good images"):
        assert words in text
    for words in ("Precision and recall", "Learning", "Why rejected", "change … is below … 2"):
        assert words in text
    assert "anogen run dataset --category disc --out 'my run'" in text
    assert "2.13.0" in text
    for arm in ("procedural", "generated", "procedural+generated"):
        assert arm in text


def test_what_is_odd_about_the_dataset_is_said(made: Path, html: str, tmp_path: Path) -> None:
    assert "another light" not in html
    run = tmp_path / "run"
    shutil.copytree(made, run)
    notice = "part: the good test images have another light <than> the rest."
    keep_notices(run, [notice, "b: c", notice])
    assert kept_notices(run) == [notice, "b: c"]
    assert write_report(run).read_text().count("another light &lt;than&gt; the rest.") == 1
    keep_notices(run, [])  # the dataset was put right
    assert "another light" not in write_report(run).read_text()


def test_each_row_says_its_verdict_in_words(made: Path, html: str) -> None:
    gains = read_results(made / "results.json").gain
    expected = {gain.defect: gain.verdict for gain in gains if gain.metric == "pixel_ap"}
    assert set(expected) == {None, "crack", "hole"}
    rows = re.findall(r'class="who">([^<]+)</span>.*?<em>([^<]+)</em>', html, re.DOTALL)
    assert dict(rows) == {defect or "all defects": words for defect, words in expected.items()}
    shown = " ".join(html.split())
    assert "difference of <i>procedural+generated</i> to <i>procedural</i> with" in shown


def test_the_gallery_shows_shots_with_outlines_and_four_pictures_a_row(page: Page) -> None:
    labels = [image["alt"] or "" for image in page.all("img")]
    for start, count in (
        ("Real crack, support shot", 3),
        # Four accepted ones and both of the rejected ones, of either defect.
        ("Normal part", 12),
        ("Generated crack", 6),
        ("Mask of generated hole", 6),
        ("Difference between generated hole", 6),
    ):
        assert sum(label.startswith(start) for label in labels) == count, start
    kinds = [attributes.get("class") for attributes in page.all("path")]
    assert kinds.count("truth") >= 6
    assert kinds.count("box") >= 12


def test_rejected_images_stand_beside_accepted_ones_with_their_reasons(page: Page) -> None:
    sides = [
        attributes["class"]
        for _, attributes in page.tags
        if attributes.get("class") in ("accepted", "rejected")
    ]
    pairs = ["accepted", "rejected"] * 2 + ["accepted"] * 2
    assert sides == 2 * pairs
    labels = [image["alt"] or "" for image in page.all("img")]
    for what in ("Generated", "Mask of generated", "Difference between generated"):
        refused = [
            text for text in labels if text.startswith(f"{what} crack") and ", rejected" in text
        ]
        assert len(refused) == 2
        assert "rejected: change 0.03 is below 0.05" in refused[0]
    text = " ".join(page.text.split())
    assert "Rejected change 0.07 is below 0.05" in text
    assert "Beside them 2 of 2 rejected" in text
    # Of nine images of each defect, three were drawn again.
    assert text.count("Rejected and drawn again before: seam … is above … (3).") == 2


def test_where_none_was_rejected_more_accepted_ones_are_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path, side=32, tests=4, seeds=1, generated=3, defects=("crack",))
    page = Page(write_report(run).read_text())
    assert "3 of 3 accepted images" in page.text
    assert "Beside them" not in page.text
    classes = [attributes.get("class") for _, attributes in page.tags]
    assert "sides" not in classes
    assert classes.count("rows") >= 1


def test_previews_are_shown_evenly_and_with_the_last(
    made: Path, page: Page, tmp_path: Path
) -> None:
    assert "While it was learned" not in page.text
    run = copy_of(made, tmp_path)
    (category,) = (run / "concepts").iterdir()
    (category / "previews").mkdir()
    picture = np.zeros((64, 96, 3), np.uint8)
    for step in range(20, 220, 20):
        write_png(category / "previews" / f"crack-{step:06d}.png", picture)
    write_png(category / "previews" / "crack-2-000020.png", picture)
    shown = Page(write_report(run).read_text())
    steps = [
        int((image["alt"] or "").split()[-3])
        for image in shown.all("img")
        if (image["alt"] or "").startswith("Views of crack")
    ]
    assert steps == [20, 60, 100, 120, 160, 200]
    assert shown.text.count("While it was learned") == 1


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert (link["href"] or "")[1:] in ids


def test_the_same_run_gives_the_same_bytes(made: Path, html: str) -> None:
    assert write_report(made).read_text() == html


def test_names_are_untrusted(tmp_path: Path) -> None:
    run = make_run(tmp_path, side=32, tests=4, seeds=1, defects=("<b>&x",))
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("my run", EVIL))
    html = write_report(run).read_text()
    assert "<b>&x" not in html
    assert "&lt;b&gt;&amp;x" in html
    assert "<script>alert" not in html
    assert html.count("<script") == 1


def test_without_the_dataset_the_page_says_so(made: Path, tmp_path: Path) -> None:
    run = copy_of(made, tmp_path)
    config = run / "config.yaml"
    config.write_text(re.sub(r"root: .*", f"root: {tmp_path / 'gone'}", config.read_text()))
    page = Page(write_report(run).read_text())
    labels = [image["alt"] or "" for image in page.all("img")]
    assert "of the dataset could not be shown" in page.text
    assert not any(label.startswith("Normal part") for label in labels)
    assert sum(label.startswith("Generated crack") for label in labels) == 6


def test_a_path_out_of_the_dataset_is_not_read(made: Path, tmp_path: Path) -> None:
    run = copy_of(made, tmp_path)
    secret = tmp_path / "secret.png"
    Image.new("RGB", (48, 48), "red").save(secret)
    manifest = run / "bank" / "disc" / "manifest.jsonl"
    text = manifest.read_text()
    manifest.write_text(re.sub(r'"normal": "[^"]*"', '"normal": "../secret.png"', text))
    with pytest.raises(InputError, match="normal"):
        write_report(run)


@pytest.mark.parametrize(
    ("missing", "words"),
    [("results.json", "no results yet"), ("config.yaml", "give the folder of a run")],
)
def test_no_report_without_results(made: Path, tmp_path: Path, missing: str, words: str) -> None:
    run = copy_of(made, tmp_path)
    (run / missing).unlink()
    with pytest.raises(InputError, match=words):
        write_report(run)


def test_half_a_run_still_has_a_report(made: Path, tmp_path: Path) -> None:
    run = copy_of(made, tmp_path)
    shutil.rmtree(run / "bank")
    shutil.rmtree(run / "concepts")
    for folder in (run / "detectors" / "disc").iterdir():
        (folder / "train.jsonl").unlink()
        (folder / "scores.npz").unlink()
    (run / "results.json").write_text('{"schema": 1}')
    assert "Settings and environment" in write_report(run).read_text()


def test_a_window_stays_in_the_frame_and_holds_the_box() -> None:
    assert window_around(Box(0, 0, 10, 10), 200, 300) == Box(0, 0, 53, 53)
    assert window_around(Box(290, 195, 300, 200), 200, 300) == Box(247, 147, 300, 200)
    assert window_around(Box(10, 10, 110, 60), 200, 300) == Box(0, 0, 300, 200)


def test_an_outline_runs_around_the_mask_and_there_is_none_for_nothing() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    assert truth_outline(mask) == ()
    mask[5:9, 10:16] = True
    (outline,) = truth_outline(mask)
    numbers = np.array(re.findall(r"([\d.]+) ([\d.]+)", outline.path), dtype=float)
    assert numbers.min(axis=0).tolist() == [9.5, 4.5]
    assert numbers.max(axis=0).tolist() == [16.5, 9.5]


def test_the_answer_says_from_what_to_what(made: Path, page: Page) -> None:
    runs = read_results(made / "results.json").runs
    arms = ("procedural", "procedural+generated")
    before, after = (
        100 * np.mean([run.pixel.ap for run in runs if run.arm == arm]) for arm in arms
    )
    assert f"pixel AP, draem, from {before:.1f} to {after:.1f} %" in page.text


def test_the_difference_is_brightest_where_most_changed() -> None:
    normal = np.full((4, 4), 100, dtype=np.uint8)
    generated = normal.copy()
    generated[1, 1], generated[2, 2] = 20, 255
    picture, largest = difference(normal, generated)
    brightness = picture.astype(int).sum(axis=2)
    assert largest == 155
    assert brightness[2, 2] > brightness[1, 1] > brightness[0, 0]


def test_heat_leaves_low_scores_uncoloured_and_is_brightest_at_the_highest() -> None:
    image = np.full((8, 8), 100, dtype=np.uint8)
    scores = np.zeros((8, 8), dtype=np.float16)
    scores[4, 4] = 1
    picture = heat(image, scores, low=0.5, high=1.0)
    assert picture[0, 0].tolist() == [55, 55, 55]
    assert picture[4, 4].astype(int).sum() == picture.astype(int).sum(axis=2).max() > 400


def test_pictures_are_shrunk_never_enlarged() -> None:
    def size(uri: str) -> tuple[int, int]:
        return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).size

    assert size(data_uri(np.zeros((100, 400, 3), dtype=np.uint8), edge=200)) == (200, 50)
    assert size(data_uri(np.zeros((10, 20), dtype=np.uint8), edge=200)) == (20, 10)


def test_precision_at_recall_is_that_of_the_first_point_that_reaches_it() -> None:
    curve = (np.array([0.5, 1.0]), np.array([1.0, 0.25]))
    assert at_recall(curve, np.array([0.0, 0.5, 0.51, 1.0])).tolist() == [1, 1, 0.25, 0.25]


def test_smoothing_is_a_mean_that_shortens_at_the_ends() -> None:
    assert smoothed([0, 3, 6, 0], span=3).tolist() == [1.5, 3, 3, 3]
    assert smoothed([1, 2], span=1).tolist() == [1, 2]


def test_intervals_share_a_scale_that_holds_zero() -> None:
    def gain(low: float, mean: float, high: float) -> Gain:
        return Gain(
            category="c",
            detector="d",
            metric="pixel_ap",
            mean=mean,
            low=low,
            high=high,
            seeds=3,
            verdict="helps",
        )

    placed = intervals([gain(0.02, 0.04, 0.1), gain(0.05, 0.06, 0.07)])
    assert (placed.zero, placed.rows[0].high) == (0.0, 100.0)
    assert placed.rows[0].mean == pytest.approx(40)
    assert [text for _, text in placed.ticks] == ["0", "+2", "+4", "+6", "+8", "+10"]
    assert intervals([gain(0, 0, 0)]).zero == 50.0


def test_losses_of_concepts_stand_at_their_steps() -> None:
    losses = (0.5, 0.4, 0.3)
    learned = {"steps": 50, "check_every": 30, "tokens": 4}
    header = {"category": "c", "defect": "d", "losses": losses, "settings": learned}
    assert ConceptHeader.model_validate(header).checked == [0, 30, 50]
