"""Writing small files so that a reader sees the old content or the new, never a part."""

import errno
import hashlib
import json
import os
import tempfile
from typing import Any

_CHUNK_BYTES = 1 << 20


def cache_folder() -> str:
    """Where data that was downloaded or drawn is kept: mnist_graph in XDG_CACHE_HOME, or where that is not set in ~/.cache."""
    return os.path.join(
        os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache'), 'mnist_graph'
    )


def write_atomically(path: str, content: bytes | str) -> None:
    """Replaces the file at `path`; on any failure (OSError) the old one stays."""
    content = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(
        prefix=os.path.basename(path) + '.', suffix='.part', dir=os.path.dirname(os.path.abspath(path))
    )
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_json(path: str, value: Any) -> None:
    """Writes `value` as readable JSON, atomically."""
    write_atomically(path, json.dumps(value, indent=2) + '\n')


def how_to_mend(error: OSError) -> str:
    """What to do about a file that cannot be written."""
    return 'free some space' if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else 'see to its permissions'


def sha256(path: str) -> str:
    """Hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
