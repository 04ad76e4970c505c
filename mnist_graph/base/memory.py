"""How much memory there is, and whether an array is too large to be read into it."""

import contextlib
import os

# A single file that takes a larger share of the memory than this is mapped: beside the pictures, the training needs some itself.
_LARGEST_SHARE = 1 / 4
_CGROUPS, _OF_PROCESS = '/sys/fs/cgroup', '/proc/self/cgroup'


def is_large(n_bytes: int) -> bool:
    """Whether an array of so many bytes should stay in its file, mapped, instead of being read."""
    return n_bytes > _LARGEST_SHARE * total_bytes()


def total_bytes() -> float:
    """Bytes of memory that this machine, or the container in which this process runs, has; infinity if that is unknown."""
    limits = [float('inf')]
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        limits.append(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))
    return min(limits + _cgroup_limits())


def _cgroup_limits() -> list[float]:
    """Bytes that each control group that this process is in, of version 1 or 2, may use; see cgroups(7)."""
    folders = {_CGROUPS, f'{_CGROUPS}/memory'}  # what a container sees of its own
    with contextlib.suppress(OSError), open(_OF_PROCESS, encoding='utf-8') as file:
        for line in file:
            _, controllers, path = line.rstrip('\n').split(':', 2)
            if controllers in ('', 'memory'):
                root, parts = f'{_CGROUPS}/{controllers}'.rstrip('/'), path.strip('/').split('/')
                folders |= {'/'.join([root, *parts[:n]]) for n in range(1, len(parts) + 1)}
    limits = []
    for folder in folders:
        for name in ('memory.max', 'memory.limit_in_bytes'):
            with contextlib.suppress(OSError, ValueError), open(f'{folder}/{name}', encoding='ascii') as limit:
                limits.append(float(limit.read()))  # the word "max" where there is no limit
    return limits
