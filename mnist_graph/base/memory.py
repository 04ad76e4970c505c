"""How much memory there is, and whether an array is too large to be read into it."""

import contextlib
import os

# A file that takes a larger share of the memory than this is mapped: beside the pictures, the training needs some itself.
_LARGEST_SHARE = 1 / 4
_CONTAINER_LIMIT = '/sys/fs/cgroup/memory.max'


def is_large(n_bytes: int) -> bool:
    """Whether an array of so many bytes should stay in its file, mapped, instead of being read."""
    return n_bytes > _LARGEST_SHARE * total_bytes()


def total_bytes() -> float:
    """Bytes of memory that this machine, or the container in which this process runs, has; infinity if that is unknown."""
    limits = [float('inf')]
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        limits.append(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))
    with contextlib.suppress(OSError, ValueError), open(_CONTAINER_LIMIT, encoding='ascii') as file:
        limits.append(float(file.read()))  # the word "max" where there is no limit
    return min(limits)
