"""Physically plausible defects on any image, one family of defects a file."""

from anogen.prior.world.defects.draw import WORDS, draw_defect

__all__ = ["WORDS", "draw_defect"]
