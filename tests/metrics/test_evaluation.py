"""The metrics of a category: what enters them and what does not."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from anogen.metrics import evaluate, pro


def category():
    rng = np.random.default_rng(4)
    labels = np.array([0, 1, 1, 0, 1])
    masks = np.zeros((5, 20, 24), bool)
    masks[1, 3:9, 4:8] = masks[2, 10:12, 1:20] = masks[4, 15:, 20:] = True
    maps = (rng.random(masks.shape) + 0.4 * masks).astype(np.float16)
    return np.array([0.1, 0.9, 0.3, 0.4, 0.8], np.float32), labels, maps, masks


def test_equals_the_references():
    scores, labels, maps, masks = category()
    result = evaluate(scores, labels, maps, masks)
    flat, truth = maps.ravel().astype(float), masks.ravel()
    assert result["image"]["auroc"] == pytest.approx(reference.roc_auc_score(labels, scores))
    assert result["image"]["ap"] == pytest.approx(reference.average_precision_score(labels, scores))
    assert result["image"]["f1max"] == pytest.approx(6 / 7)
    assert result["pixel"]["auroc"] == pytest.approx(reference.roc_auc_score(truth, flat))
    assert result["pixel"]["ap"] == pytest.approx(reference.average_precision_score(truth, flat))
    assert result["pixel"]["pro"] == pytest.approx(pro(maps, masks))
    # 0.3 finds all three defective images, and takes one of two good ones along.
    assert result["image"]["threshold"] == pytest.approx(0.3)
    precision, recall, thresholds = reference.precision_recall_curve(truth, flat)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    assert result["pixel"]["f1max"] == pytest.approx(f1.max())
    assert result["pixel"]["threshold"] == thresholds[f1.argmax()]
    json.dumps(result, allow_nan=False)


def test_defective_images_without_mask_leave_the_pixel_metrics_only():
    scores, labels, maps, masks = category()
    some = [None, masks[1], None, masks[3], masks[4]]
    kept = [0, 1, 3, 4]
    result = evaluate(scores, labels, maps, some)
    assert result["pixel"] == evaluate(scores[kept], labels[kept], maps[kept], masks[kept])["pixel"]
    assert result["image"] == evaluate(scores, labels, maps, masks)["image"]


def test_without_masks_there_are_no_pixel_metrics():
    scores, labels, maps, _ = category()
    nothing = dict.fromkeys(("auroc", "ap", "f1max", "threshold", "pro", "located"))
    assert evaluate(scores, labels, maps, None)["pixel"] == nothing
    assert evaluate(scores, labels, maps, [None] * 5)["pixel"] == nothing


def test_one_class_only():
    scores, _, maps, masks = category()
    result = evaluate(scores[:1], [0], maps[:1], masks[:1])
    assert result["image"] == dict.fromkeys(("auroc", "ap", "f1max", "threshold"))
    assert result["pixel"] == dict.fromkeys(("auroc", "ap", "f1max", "threshold", "pro", "located"))


def test_maps_of_different_sizes():
    maps = [np.array([[0.1, 0.9]]), np.array([[0.2], [0.3], [0.4]])]
    masks = [np.array([[False, True]]), np.zeros((3, 1), bool)]
    assert evaluate([0.9, 0.4], [1, 0], maps, masks)["pixel"]["auroc"] == 1.0


def test_wrong_input_is_refused():
    scores, labels, maps, masks = category()
    with pytest.raises(ValueError, match="labelled good"):
        evaluate(scores, np.zeros(5), maps, masks)
    with pytest.raises(ValueError, match="4 score maps"):
        evaluate(scores, labels, maps[:4], masks)
    with pytest.raises(ValueError, match="NaN"):
        evaluate(np.full(5, np.nan), labels, maps, masks)
