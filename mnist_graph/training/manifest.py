"""How to know that a checkpoint is whole: the manifest that is written beside it.

`model.ckpt-1000.json` holds the size and SHA-256 of each of the checkpoint's
files, how far training had come, and the SHA-256 of all this. It is written
last, so a checkpoint whose writing was cut short has none and does not count;
one whose bytes changed later no longer matches it.
"""

import hashlib
import json
import os
from typing import Any, NamedTuple

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError

_MAX_BYTES = 100_000


class UnreadableError(CheckpointError):
    """A checkpoint that may be whole, but cannot be read now, as for want of permission."""


class Checkpoint(NamedTuple):
    """A checkpoint that was found whole.

    Attributes:
      prefix: What tf.train.Saver calls its path.
      step: Updates done when it was saved.
      progress: What else was saved with it: the fields of `train.Progress`.
    """

    prefix: str
    step: int
    progress: dict[str, Any]


def write(prefix: str, step: int, progress: dict[str, Any]) -> None:
    """Writes the manifest of a checkpoint whose files are there; see `Checkpoint` for the arguments.

    The files are on the disk before the manifest is, and all their names when
    this returns: after a power cut, what the manifest says is true.

    Raises:
      OSError: A file cannot be read, or the manifest not be written.
    """
    for path in files_of(prefix):
        files.sync(path)
    values = {
        'step': step,
        'progress': progress,
        'files': {
            os.path.basename(path): {'bytes': os.path.getsize(path), 'sha256': files.sha256(path)}
            for path in files_of(prefix)
        },
    }
    files.write_json(prefix + '.json', {**values, 'sha256': _digest(values)})
    files.sync(os.path.dirname(prefix))


def _digest(manifest: dict[str, Any]) -> str:
    """Hex SHA-256 of a manifest without its own 'sha256'."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def files_of(prefix: str) -> list[str]:
    """Paths of all files of one checkpoint, the manifest included, in order of their names."""
    folder, name = os.path.split(prefix)
    return sorted(os.path.join(folder, each) for each in os.listdir(folder) if each.startswith(name + '.'))


def verified(prefix: str, step: int) -> Checkpoint:
    """The checkpoint of a manifest, if every file is as the manifest says.

    Nothing but the manifest is parsed before its hash is known to be right, so
    damaged files never reach TensorFlow's own readers.

    Raises:
      CheckpointError: One is not, or is gone.
      UnreadableError: One cannot be read.
    """
    shown = files.relative(prefix)
    try:
        with open(prefix + '.json', 'rb') as file:
            manifest = json.loads(file.read(_MAX_BYTES))
        if manifest.pop('sha256') != _digest(manifest):
            raise ValueError('sha256')
        listed = {name: (entry['bytes'], entry['sha256']) for name, entry in manifest['files'].items()}
        progress, saved_step = dict(manifest['progress']), manifest['step']
    except OSError as error:
        raise unreadable(prefix + '.json', error) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f'{shown}.json: is damaged') from None
    if saved_step != step or not any(name.endswith('.index') for name in listed):
        raise CheckpointError(f'{shown}.json: is damaged')
    for name, (n_bytes, digest) in listed.items():
        path = os.path.join(os.path.dirname(prefix), os.path.basename(name))
        try:
            if os.path.getsize(path) != n_bytes or files.sha256(path) != digest:
                raise CheckpointError(f'{files.relative(path)}: is damaged (its size or SHA-256 is not what was saved)')
        except OSError as error:
            raise unreadable(path, error) from None
        except ValueError:  # a zero byte in the name
            raise CheckpointError(f'{shown}.json: is damaged') from None
    return Checkpoint(prefix, step, progress)


def unreadable(path: str, error: OSError) -> CheckpointError:
    """The error to raise for a file or folder that could not be read."""
    path = files.relative(path)
    if isinstance(error, FileNotFoundError):
        return CheckpointError(f'{path}: is gone')
    return UnreadableError(f'{path}: cannot be read ({error.strerror})')
