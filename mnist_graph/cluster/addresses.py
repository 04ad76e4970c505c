"""Addresses of workers, and which of them are refused before anybody is called."""

import contextlib
import ipaddress
import socket
import subprocess
from collections.abc import Sequence

from mnist_graph.base.errors import UsageError, WorkerError

_ANYWHERE = ('192.0.2.1', 9)  # in a network that is only for examples (RFC 5737)


def resolve(address: str) -> tuple[str, int]:
    """The IPv4 address (TensorFlow's servers know no other) and the port of 'host:port'; UsageError if it is not that."""
    host, _, port = address.rpartition(':')
    if not (host and port.isascii() and port.isdigit() and int(port) < 65_536):
        raise UsageError(f'{address}: is not the address of a worker; write HOST:PORT, such as 10.0.0.2:2222.')
    try:
        return socket.gethostbyname(host), int(port)
    except (OSError, UnicodeError):
        raise UsageError(f'{address}: no machine {host} with an IPv4 address is known; mend the name.') from None


def check(addresses: Sequence[str], insecure: bool) -> None:
    """Raises UsageError if one is wrong, doubled or public, or if the first, which is this machine's, is not free."""
    found = [resolve(address) for address in addresses]
    for number, address in enumerate(addresses):
        if found[number] in found[:number]:
            raise UsageError(f'{address}: is there twice; give each worker an address of its own.')
        refuse_public(address, insecure)
    local = [ipaddress.ip_address(host).is_loopback for host, _ in found]
    if local[0] and not all(local):
        raise UsageError(
            f'{addresses[0]}: reaches this machine only from itself; give the address that the others see.'
        )
    listen(addresses[0]).close()


def refuse_public(address: str, insecure: bool) -> None:
    """Raises UsageError if an address, or that from which this machine sends, is public, unless that is `insecure`."""
    hosts = [resolve(address)[0]]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(_ANYWHERE)  # sends nothing, but chooses an address to send from
        hosts.append(probe.getsockname()[0])
    for host in hosts:
        if ipaddress.ip_address(host).is_global and not insecure:
            raise UsageError(
                f'{host}: is a public address, and TensorFlow lets everybody in who reaches it; use a private network, '
                f'or give --insecure_network.'
            )


def listen(address: str) -> socket.socket:
    """A socket that listens there; raises UsageError if it cannot."""
    try:
        return socket.create_server(resolve(address))
    except OSError as error:
        raise UsageError(f'{address}: cannot be used here ({error.strerror}); give another address or port.') from None


def of_started(worker: subprocess.Popen) -> str:
    """Where a `mnist_graph.worker` waits that was started on this machine, as soon as it does.

    Args:
      worker: Its standard output is a pipe, from which text is read.

    Raises:
      WorkerError: It has ended; its standard error says why.
    """
    line = worker.stdout.readline() if worker.stdout else ''
    if not line:
        raise WorkerError('A worker on this machine has ended before the training began; see its message.', '')
    return line.split()[-1]
