"""Which precision is fastest on this processor."""

from contextlib import AbstractContextManager

import torch


def matrix_units() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware (Intel AMX).

    With AMX, bfloat16 runs networks of this size faster than float32 (the detectors 1.6 to 2.8
    times, ``benchmarks/detection/training_speed.md``); without it, slower.
    """
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)  # not in every torch release
    return bool(probe and probe())


def matrix_precision() -> AbstractContextManager[object]:
    """Autocast to bfloat16 where :func:`matrix_units` says it pays, else nothing."""
    return torch.autocast("cpu", torch.bfloat16, enabled=matrix_units())
