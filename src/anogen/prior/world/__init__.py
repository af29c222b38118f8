"""The procedural world that the small prior learns: photographs of good things, and defects."""

from anogen.prior.world.scene import PARTS, SURFACES, Good, render_good

__all__ = ["PARTS", "SURFACES", "Good", "render_good"]
