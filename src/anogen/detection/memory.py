"""Memory that a training step frees is kept for the next step.

glibc hands large blocks back to the system when they are freed, and every step pays again for
fresh, zeroed pages: a third of the processor time of DRAEM's step (``benchmarks/detection``).
"""

import ctypes
from functools import cache

_TRIM_THRESHOLD = -1  # M_TRIM_THRESHOLD; a value of -1 never trims
_MMAP_MAX = -4  # M_MMAP_MAX; 0 takes every block from the heap


@cache
def keep_freed_memory() -> bool:
    """Tell the C library not to give memory back; whether it could be told (glibc only).

    Holds for the whole process, which then keeps its largest use until it ends.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library: musl, macOS, Windows
        return False
    return bool(mallopt(_TRIM_THRESHOLD, -1)) and bool(mallopt(_MMAP_MAX, 0))
