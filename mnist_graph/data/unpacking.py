"""Unpacking gzip and zip files without letting a small file fill the memory."""

import gzip
import io
import zlib

from mnist_graph.base.errors import DataError

# Bytes that a packed file may unpack to. The largest public data set of this
# kind, EMNIST ByClass, has 0.55 GB. What is stored unpacked may be of any size.
MAX_UNPACKED_BYTES = 1 << 30
# Deflate packs at most so much to one, even a single value again and again: 258 bytes into two bits. See "Maximum
# Compression Factor" on zlib's page of technical details. So a larger claim is false; other packings have no such limit.
_DEFLATE_RATIO = 1032
_GZIP_MAGIC = b'\x1f\x8b'


def is_gzipped(content: bytes) -> bool:
    """Whether this is the beginning of a gzip file."""
    return content[:2] == _GZIP_MAGIC


def check_size(where: str, packed: int, unpacked: int, deflated: bool = True) -> None:
    """Refuses a file that would fill the memory, before any of it is unpacked.

    How well a file is packed says nothing: pictures may be blank.

    Args:
      where: The file, for the message.
      packed: Its size in bytes.
      unpacked: The size in bytes that it claims to unpack to.
      deflated: Whether all of it is packed as gzip does.

    Raises:
      DataError: It claims too much.
    """
    if deflated and unpacked > _DEFLATE_RATIO * packed:
        raise DataError(
            f'{where}: claims {unpacked:,} bytes packed into {packed:,}, which is impossible; it is damaged or truncated.'
        )
    if unpacked > max(packed, MAX_UNPACKED_BYTES):
        raise DataError(
            f'{where}: unpacks to {unpacked:,} bytes, more than the {MAX_UNPACKED_BYTES:,} that are read from a packed '
            f'file; unpack it first and store the data as it is.'
        )


def gunzip(path: str, packed: bytes, max_bytes: int) -> bytes:
    """The first `max_bytes` bytes of a gzip file, which may consist of several gzip members.

    Where it has fewer, its checksums are right.

    Args:
      path: The file's path, for messages.
      packed: Its content.
      max_bytes: Unpack no more than this.

    Raises:
      DataError: It is damaged or truncated.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            return file.read(max_bytes)
    except EOFError:
        raise DataError(f'{path}: is truncated: the gzip stream ends early; delete it and fetch it again.') from None
    except (OSError, zlib.error) as error:
        raise DataError(f'{path}: is damaged ({error}); delete it and fetch it again.') from None


def read_maybe_gzipped(path: str) -> bytes:
    """The content of a file, unpacked if it is gzipped; its first bytes tell, not its name.

    Raises:
      DataError: It cannot be read, is damaged, or would fill the memory.
    """
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}).') from None
    if not is_gzipped(content):
        return content
    n_bytes = int.from_bytes(content[-4:], 'little')  # gzip's trailer holds the size
    check_size(path, len(content), n_bytes)
    unpacked = gunzip(path, content, n_bytes + 1)
    if len(unpacked) > n_bytes:  # of several gzip members, the trailer is the last one's
        unpacked = gunzip(path, content, max(len(content), MAX_UNPACKED_BYTES) + 1)
        check_size(path, len(content), len(unpacked))
    elif len(unpacked) < n_bytes:
        raise DataError(f'{path}: is damaged: it does not have the {n_bytes:,} bytes that its last four announce.')
    return unpacked
