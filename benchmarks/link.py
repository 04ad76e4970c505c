"""Two hosts on one machine: network namespaces, and between them a link that may take its time. Needs root on Linux.

Without a delay that is a pair of veth devices. With one, this program carries the packets from one end (a TUN device) to the
other, and keeps each for a while: not every kernel has netem.
"""

import collections
import contextlib
import fcntl
import os
import struct
import subprocess
import threading
import time

NAMES, HOSTS, DEVICES = ('bench-chief', 'bench-worker'), ('10.99.8.1', '10.99.8.2'), ('far0', 'far1')
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # of linux/if_tun.h
# Large packets, as carrying small ones would cost more than the delay.
_MTU = 60_000


def _ip(*words):
    subprocess.run(['ip', *words], check=True, capture_output=True)


def _tun(name):
    file = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(file, _TUNSETIFF, struct.pack('16sH', name.encode(), _IFF_TUN | _IFF_NO_PI))
    return file


def _carry(source, target, seconds):
    """Writes to one file what comes from another, so many seconds later, for ever."""
    waiting, arrived = collections.deque(), threading.Semaphore(0)

    def deliver():
        while True:
            arrived.acquire()
            due, packet = waiting.popleft()
            time.sleep(max(0.0, due - time.perf_counter()))
            with contextlib.suppress(OSError):  # the other end is gone
                os.write(target, packet)

    threading.Thread(target=deliver, daemon=True).start()
    with contextlib.suppress(OSError):
        while True:
            packet = os.read(source, 1 << 16)
            waiting.append((time.perf_counter() + seconds, packet))
            arrived.release()


@contextlib.contextmanager
def two_hosts(delay_ms=0.0):
    """The namespaces NAMES with the addresses HOSTS, joined by 1 Gbit/s and so many milliseconds each way.

    Raises:
      OSError, subprocess.CalledProcessError: They cannot be made here.
    """
    ends = [_tun(name) for name in DEVICES] if delay_ms else []
    try:
        for name in NAMES:
            _ip('netns', 'add', name)
        if not ends:
            _ip('link', 'add', DEVICES[0], 'type', 'veth', 'peer', 'name', DEVICES[1])
        for name, host, device in zip(NAMES, HOSTS, DEVICES):
            _ip('link', 'set', device, 'netns', name)
            _ip('-n', name, 'address', 'add', f'{host}/24', 'dev', device)
            _ip('-n', name, 'link', 'set', device, *(['mtu', str(_MTU)] if ends else []), 'up')
            _ip('-n', name, 'link', 'set', 'lo', 'up')
            limit = f'tc qdisc add dev {device} root tbf rate 1gbit burst 256kb latency 100ms'
            _ip('netns', 'exec', name, *limit.split())
        for source, target in (ends, ends[::-1]) if ends else ():
            threading.Thread(target=_carry, args=[source, target, delay_ms / 1000], daemon=True).start()
        yield
    finally:
        for name in NAMES:
            subprocess.run(['ip', 'netns', 'del', name], capture_output=True)
