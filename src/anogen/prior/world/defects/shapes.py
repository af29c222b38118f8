"""Outlines of defects as fields: 0 at the middle, 1 on the outline, more outside."""

import math

import cv2
import numpy as np

from anogen.prior.world.defects.canvas import Canvas
from anogen.prior.world.defects.noise import Field, fractal
from anogen.prior.world.defects.relief import slopes


def blob(
    canvas: Canvas,
    *,
    fill: tuple[float, float] = (0.7, 0.95),
    ratio: tuple[float, float] = (0.6, 1.0),
    rough: float = 0.15,
    lobes: int = 1,
) -> Field:
    """An irregular round outline that spans the canvas: its field ``(H, W)``.

    Args:
        canvas: where it goes; a long canvas gives a long outline.
        fill: range of the part of the canvas's sides that it spans.
        ratio: range of short by long axis, before stretching to the canvas.
        rough: how far the outline strays, as a part of the radius.
        lobes: number of rounds that are joined.
    """
    height, width = canvas.shape
    u = (canvas.x / width * 2 - 1).astype(np.float32)
    v = (canvas.y / height * 2 - 1).astype(np.float32)
    field: Field | None = None
    span = canvas.uniform(*fill)
    for lobe in range(lobes):
        part = span if lobe == 0 else span * canvas.uniform(0.35, 0.7)
        short = canvas.uniform(*ratio)
        angle = canvas.uniform(0, math.pi)
        cos, sin = math.cos(angle), math.sin(angle)
        # Scaled so that the ellipse's own bounding box spans ``part`` of the canvas.
        reach = max(math.hypot(cos, short * sin), math.hypot(sin, short * cos))
        scale = part / reach
        room = max(0.0, 0.97 - part) if lobe == 0 else max(0.0, span - 0.75 * part)
        cx, cy = canvas.uniform(-room, room), canvas.uniform(-room, room)
        along = ((u - cx) * cos + (v - cy) * sin) / scale
        across = ((v - cy) * cos - (u - cx) * sin) / (scale * short)
        round_ = np.sqrt(along * along + across * across)
        field = round_ if field is None else np.minimum(field, round_)
    assert field is not None
    if rough > 0:
        cell = max(3.0, canvas.size * canvas.uniform(0.25, 0.5))
        octaves = 1 + int(math.log2(max(2.0, cell / 2)))
        # Multiplied, the noise leaves the middle in and only moves the outline.
        stray = fractal(canvas.rng, canvas.shape, cell=cell, octaves=min(octaves, 4))
        field = field * np.clip(1 + rough * stray, 0.4, 2.5)
        # An outline that strayed over the border would be cut straight there; it is drawn in.
        border = min(field[0].min(), field[-1].min(), field[:, 0].min(), field[:, -1].min())
        field = field / np.float32(np.clip(border, 0.6, 1.0))
    return field.astype(np.float32, copy=False)


def inside(field: Field, *, softness: float = 1.0) -> Field:
    """Coverage ``(H, W)`` in [0, 1] of an outline's inside.

    Args:
        field: 1 on the outline.
        softness: width of the edge in pixels; 1 is a sharp edge seen by a camera.
    """
    coverage: Field = np.clip(depth(field) / np.float32(softness) + 0.5, 0, 1)
    return coverage


def depth(field: Field) -> Field:
    """About how many pixels each one lies inside the outline (negative outside)."""
    dx, dy = slopes(field)
    steepness = np.sqrt(dx * dx + dy * dy)
    # Near the middle the slope vanishes; a floor of a third of the usual slope tames it.
    floor = max(float(steepness.mean()) * 0.33, 1e-4)
    pixels: Field = (1 - field) / np.maximum(steepness, floor)
    return pixels


def polygon(canvas: Canvas, corners: Field, *, scale: int = 4) -> Field:
    """Anti-aliased coverage ``(H, W)`` of a polygon with corners ``(N, 2)`` as x, y in pixels."""
    height, width = canvas.shape
    fine = np.zeros((height * scale, width * scale), np.uint8)
    cv2.fillPoly(fine, [np.round(corners * scale).astype(np.int32)], 255)
    coarse = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    coverage: Field = coarse.astype(np.float32) / 255
    return coverage


def facets(canvas: Canvas, *, count: int) -> tuple[Field, Field]:
    """Flat broken faces: each pixel's tilt ``(H, W)`` in [-1, 1] and its distance from an edge.

    The faces are the cells of random seeds, bent a little by noise as broken stone is.
    """
    height, width = canvas.shape
    seeds = canvas.rng.random((count, 2)) * np.array([width, height])
    bend = 0.06 * canvas.size * fractal(canvas.rng, canvas.shape, cell=max(4.0, canvas.size / 3))
    first = np.full(canvas.shape, np.inf, np.float32)
    second = first.copy()
    tilt = np.zeros(canvas.shape, np.float32)
    for sx, sy in seeds:
        distance = np.hypot(canvas.x - sx + bend, canvas.y - sy - bend).astype(np.float32)
        nearer = distance < first
        second = np.where(nearer, first, np.minimum(second, distance))
        first = np.where(nearer, distance, first)
        tilt[nearer] = canvas.uniform(-1, 1)
    return tilt, (second - first) / 2


def widened(coverage: Field, *, by: float = 0.7) -> Field:
    """A mask from the coverage of thin things: what the eye takes for their whole width."""
    soft = cv2.GaussianBlur(coverage, (0, 0), by)
    mask: Field = np.clip(np.maximum(coverage, soft) * 2.2, 0, 1)
    return mask
