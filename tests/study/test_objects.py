import numpy as np

from anogen.study.stages.objects import objects_of


def test_objects_are_found_in_every_image() -> None:
    rng = np.random.default_rng(0)
    normals = rng.integers(190, 200, (6, 64, 64, 3), dtype=np.uint8)
    truth = np.zeros((6, 64, 64), bool)
    for index in range(6):
        truth[index, 16 : 40 + index, 20:44] = True
    normals[truth] = 60
    found = objects_of(normals, "auto")
    assert found is not None
    overlap = (found & truth).sum(axis=(1, 2)) / (found | truth).sum(axis=(1, 2))
    assert overlap.min() > 0.8


def test_surfaces_have_no_objects() -> None:
    rng = np.random.default_rng(0)
    assert objects_of(rng.integers(90, 160, (4, 64, 64, 3), dtype=np.uint8), "auto") is None
    assert objects_of(np.zeros((2, 64, 64, 3), np.uint8), "whole") is None
