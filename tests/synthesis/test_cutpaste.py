"""CutPaste: what is pasted is a piece of the image, of the paper's sizes."""

import numpy as np
import pytest

from anogen.synthesis.cutpaste import CutPasteSynthesizer, jittered


def coordinates(height, width):
    """An image in which every pixel tells where it came from."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y, x, np.zeros_like(y)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("form", ["patch", "scar"])
def test_without_jitter_the_paste_is_a_piece_of_the_image(form):
    normal = coordinates(200, 240)
    for seed in range(20):
        anomaly = CutPasteSynthesizer(form=form, jitter=0.0)(
            normal, None, np.random.default_rng(seed)
        )
        inside = anomaly.mask > 0
        moved = anomaly.image[inside].astype(int) - normal[inside]
        # Saturated colours survive the way over hue and saturation to within one step.
        assert np.ptp(moved, axis=0).max() <= 2
        np.testing.assert_array_equal(anomaly.image[~inside], normal[~inside])


def test_patches_have_the_papers_sizes():
    normal = np.zeros((256, 256), np.uint8)
    shares, ratios = [], []
    for seed in range(300):
        box = CutPasteSynthesizer(form="patch")(normal, None, np.random.default_rng(seed)).box
        shares.append(box.area / 256**2)
        ratios.append(box.height / box.width)
    assert 0.019 < min(shares) < 0.03
    assert 0.14 < max(shares) < 0.151
    assert 0.29 < min(ratios) < 0.4
    assert 2.7 < max(ratios) < 3.45
    assert np.median(ratios) == pytest.approx(1, abs=0.2)


def test_scars_have_the_papers_sizes():
    normal = np.zeros((512, 512), np.uint8)
    areas = [
        CutPasteSynthesizer(form="scar")(normal, None, np.random.default_rng(seed)).mask.sum()
        for seed in range(200)
    ]
    # 2 to 16 by 10 to 25 pixels at 256, so four times the area at 512.
    assert 4 * 2 * 10 * 0.7 < min(areas) < 4 * 60
    assert 4 * 300 < max(areas) < 4 * 16 * 25 * 1.1


def test_a_scar_lies_in_a_region_that_holds_it():
    region = np.zeros((256, 256), bool)
    region[100:180, 60:140] = True
    for seed in range(20):
        anomaly = CutPasteSynthesizer(form="scar")(
            np.zeros((256, 256), np.uint8), region, np.random.default_rng(seed)
        )
        alone = CutPasteSynthesizer(form="scar")(
            np.zeros((256, 256), np.uint8), None, np.random.default_rng(seed)
        )
        assert anomaly.mask.sum() == alone.mask.sum()


def test_either_form_is_drawn():
    normal = np.zeros((64, 64), np.uint8)
    forms = [
        CutPasteSynthesizer()(normal, None, np.random.default_rng(seed)).provenance["form"]
        for seed in range(40)
    ]
    assert 8 < forms.count("scar") < 32
    assert forms.count("scar") + forms.count("patch") == 40


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_jitter_changes_little(dtype):
    full = np.iinfo(dtype).max
    patch = np.random.default_rng(0).integers(full // 4, full // 2, (9, 9)).astype(dtype)
    for seed in range(20):
        changed = jittered(patch, 0.1, np.random.default_rng(seed)) / full
        assert (changed != patch / full).any()
        assert changed.mean() == pytest.approx(patch.mean() / full, rel=0.11)
        assert changed.std() == pytest.approx(patch.std() / full, rel=0.22)
    np.testing.assert_array_equal(jittered(patch, 0.0, np.random.default_rng(0)), patch)
