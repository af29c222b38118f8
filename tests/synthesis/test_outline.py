import numpy as np

from anogen.synthesis.outline import outlined


def disc(radius: float, side: int = 41) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2
    return x**2 + y**2 <= radius**2


def test_a_blot_of_which_the_rim_is_seen_is_filled_to_its_outline() -> None:
    outline, ring = disc(12), disc(10) & ~disc(8)
    mask = outlined(np.where(ring, 0.8, 0.1).astype(np.float32), outline)
    assert np.array_equal(mask >= 0.5, outline)
    assert np.allclose(mask[ring], 0.8)


def test_the_end_of_a_scratch_that_was_not_drawn_stays_away() -> None:
    outline = np.zeros((30, 100), bool)
    outline[13:18, 5:95] = True
    recovered = np.zeros((30, 100), np.float32)
    recovered[15, 5:50] = 0.9
    found = outlined(recovered, outline) >= 0.5
    assert found[13:18, 5:50].all()
    assert not found[:, 60:].any()
    assert not found[~outline].any()


def test_what_moved_beside_the_outline_is_no_defect() -> None:
    outline = disc(8)
    mask = outlined(np.where(disc(14), 0.9, 0.2).astype(np.float32), outline)
    assert np.array_equal(mask >= 0.5, outline)
    assert mask[disc(14) & ~outline].max() < 0.5


def test_a_speck_does_not_bear_out_a_whole_blot() -> None:
    recovered = np.full((41, 41), 0.1, np.float32)
    recovered[20, 20] = 0.9
    assert not (outlined(recovered, disc(12)) >= 0.5).any()


def test_an_outline_of_which_nothing_is_seen_gives_an_empty_mask() -> None:
    recovered = np.zeros((41, 41), np.float32)
    recovered[0, :5] = 0.7
    assert not (outlined(recovered, disc(4)) >= 0.5).any()
    assert not (outlined(np.full((41, 41), 0.4, np.float32), disc(10)) >= 0.5).any()


def test_an_outline_may_fill_its_whole_box():
    with np.errstate(all="raise"):
        mask = outlined(np.ones((8, 8), np.float32), np.ones((8, 8), bool))
    assert (mask >= 0.5).all()
