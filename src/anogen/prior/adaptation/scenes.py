"""Scenes of one product: windows of its good images, and rendered defects drawn on them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from anogen.placement.foreground import choose_method, foreground
from anogen.placement.window import Window
from anogen.prior.pretrain.scenes import Scenes, draw_box
from anogen.prior.vocabulary import GENERIC
from anogen.prior.world.defects import draw_defect
from anogen.seeds import rng_of

TRIES = 8
"""Windows that are tried until one shows the object."""


def product_scenes(
    goods: Sequence[NDArray[np.uint8]],
    *,
    words: Sequence[str],
    size: int,
    count: int,
    zoom: float,
    seed: int,
) -> Scenes:
    """Windows of good images with a rendered defect of each word in turn drawn on the object.

    So the words are rehearsed on the very surface that the prior is fitted to.

    Args:
        goods: good images, uint8 ``(H, W, 3)``.
        words: the prior's vocabulary, the words of no kind of defect first.
        size: the prior's image size.
        count: number of scenes.
        zoom: largest side of a window, as a multiple of ``size``; never larger than the image.
        seed: of everything random.

    Returns:
        Scenes whose ``word`` counts from the vocabulary's first word of a defect.
    """
    kinds = words[len(GENERIC) :]
    method = choose_method(goods)
    objects = [foreground(image, method) for image in goods]
    good = np.empty((count, size, size, 3), np.uint8)
    image = np.empty_like(good)
    mask = np.empty((count, size, size), np.uint8)
    box = np.empty((count, 4), np.int16)
    word = (np.arange(count) % len(kinds)).astype(np.int16)
    for row in range(count):
        rng = rng_of(seed, "product scene", row)
        number = int(rng.integers(len(goods)))
        window = _window(objects[number], size, zoom, rng)
        clean = np.clip(window.cut(goods[number], size) / 255, 0, 1).astype(np.float32)
        legal = window.cut(objects[number].astype(np.float32), size) >= 0.5
        place = draw_box(legal, rng)
        drawn, soft = draw_defect(kinds[word[row]], clean, legal, place.mask(size, size), rng)
        good[row] = np.round(clean * 255)
        image[row] = np.round(np.clip(drawn, 0, 1) * 255)
        mask[row] = np.round(np.clip(soft, 0, 1) * 255)
        box[row] = place.as_list()
    return Scenes(good, image, mask, box, word)


def _window(legal: NDArray[np.bool_], size: int, zoom: float, rng: np.random.Generator) -> Window:
    """A window anywhere, at any scale up to ``zoom``, that shows some of the object."""
    height, width = legal.shape
    window = Window(0, 0, min(size, height, width))
    for _ in range(TRIES):
        side = min(round(size * float(np.exp(rng.uniform(0, np.log(zoom))))), height, width)
        x, y = (int(rng.integers(0, room - side + 1)) for room in (width, height))
        window = Window(x, y, side)
        if legal[y : y + side, x : x + side].mean() > 0.1:
            break
    return window
