"""Checkpoints that can be trusted: whole or not there at all.

`tf.train.Saver` writes the variables; beside them goes a manifest,
`model.ckpt-1000.json`, with the size and SHA-256 of each of their files, how
far training had come, and the SHA-256 of all this. The manifest is written last,
so a checkpoint whose writing was cut short has none and does not count; one whose
bytes changed later no longer matches it and is passed over.
"""

import contextlib
import hashlib
import json
import os
import re
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError

# A run's folder has two folders of checkpoints: the newest, and the one with the best validation accuracy.
LAST, BEST = 'checkpoints', 'best'
_BASENAME = 'model.ckpt'
_MANIFEST = re.compile(re.escape(_BASENAME) + r'-(\d+)\.json')
_ANY_FILE = re.compile('(' + re.escape(_BASENAME) + r'-\d+)\..*')
_MANIFEST_MAX_BYTES = 100_000


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


def save(sess, saver, folder: str, step: int, progress: dict[str, Any], keep: int) -> Checkpoint:
    """Writes a checkpoint, then removes all but it and the `keep` - 1 before it.

    One of the same step and progress that is whole already is left as it is:
    replacing it would risk it for nothing.

    Args:
      sess: Session whose variables are saved.
      saver: A tf.train.Saver made with max_to_keep=0; removing is done here.
      folder: Made if need be.
      step: Updates done.
      progress: JSON values to keep with it.
      keep: At least 1.

    Raises:
      CheckpointError: It could not be written; older checkpoints are intact.
    """
    import tensorflow.compat.v1 as tf

    prefix = os.path.join(folder, f'{_BASENAME}-{step}')
    try:
        os.makedirs(folder, exist_ok=True)
        if _is_whole(prefix, step, progress):
            return Checkpoint(prefix, step, progress)
        _remove(prefix)  # a damaged or half-written one of the same step
        with sess.graph.as_default():
            base = files.relative(os.path.join(folder, _BASENAME))
            saver.save(sess, base, global_step=step, write_meta_graph=False, write_state=False)
        manifest = {
            'step': step,
            'progress': progress,
            'files': {
                os.path.basename(path): {'bytes': os.path.getsize(path), 'sha256': files.sha256(path)}
                for path in _files(prefix)
            },
        }
        files.write_json(prefix + '.json', {**manifest, 'sha256': _digest(manifest)})
    except (OSError, tf.errors.OpError, ValueError) as error:
        _remove(prefix)
        reason = error.strerror if isinstance(error, OSError) else _reason(error)
        raise CheckpointError(
            f'{files.relative(folder)}: the checkpoint of step {step} could not be written ({reason}); '
            f'free some space or mend the folder, then --resume.'
        ) from None
    _remove_others(folder, step, keep)
    return Checkpoint(prefix, step, progress)


def _reason(error: Exception) -> str:
    """What TensorFlow's error of many lines says in essence, as "No space left on device"."""
    lines = str(error).splitlines()
    # Where an operation failed while it ran, the reason follows the line that names the operation.
    after = [reason for node, reason in zip(lines, lines[1:]) if node.startswith('Node: ')]
    return (after or lines)[0].split('; ')[-1]


def _digest(manifest: dict[str, Any]) -> str:
    """Hex SHA-256 of a manifest without its own 'sha256'."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _is_whole(prefix: str, step: int, progress: dict[str, Any]) -> bool:
    try:
        return _verified(prefix, step).progress == progress
    except CheckpointError:
        return False


def _remove_others(folder: str, step: int, keep: int) -> None:
    """Removes all but the checkpoint of `step` and the `keep` - 1 before it.

    Later ones go too: they were damaged, or training would have gone on from
    them. So does what was left half-written when a process was killed.
    """
    try:
        kept = {f'{_BASENAME}-{each}' for each in [each for each in steps(folder) if each <= step][-keep:]}
        found = {match[1] for name in _names(folder) if (match := _ANY_FILE.fullmatch(name))}
    except UnreadableError:
        return  # the new checkpoint is whole; the next save will remove what is too much
    for name in found - kept:
        _remove(os.path.join(folder, name))


def _remove(prefix: str) -> None:
    """Removes a checkpoint's files, the manifest first, so that what is left never counts as whole."""
    try:
        leftovers = _files(prefix)
    except OSError:
        return  # to be reported by whatever is written next
    for path in sorted(leftovers, key=lambda path: path != prefix + '.json'):
        with contextlib.suppress(OSError):  # gone already
            os.unlink(path)


def _files(prefix: str) -> list[str]:
    """Paths of all files of one checkpoint, the manifest included, in order of their names."""
    folder, name = os.path.split(prefix)
    return sorted(os.path.join(folder, each) for each in os.listdir(folder) if each.startswith(name + '.'))


def steps(folder: str) -> list[int]:
    """Steps of all checkpoints that have a manifest, ascending; [] if there is no such folder.

    Raises:
      UnreadableError: The folder cannot be read. To take it for empty would start a training anew.
    """
    return sorted(int(match[1]) for name in _names(folder) if (match := _MANIFEST.fullmatch(name)))


def _unreadable(path: str, error: OSError) -> CheckpointError:
    if isinstance(error, FileNotFoundError):
        return CheckpointError(f'{path}: is gone')
    return UnreadableError(f'{path}: cannot be read ({error.strerror})')


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnreadableError(f'{files.relative(folder)}: cannot be read ({error.strerror})') from None


def find(folder: str, refuse_unreadable: bool = False) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint in `folder`.

    Args:
      folder: Where to look; it may be missing.
      refuse_unreadable: Whether a newer checkpoint that cannot be read, as for
        want of permission, is an error. Training on from an older one removes
        newer ones, and it may be whole.

    Returns:
      The checkpoint, or None if there is no whole one; and a line for each
      newer one that is damaged, saying which and how.

    Raises:
      UnreadableError: The folder cannot be read, or, with `refuse_unreadable`, a checkpoint.
    """
    problems: list[str] = []
    for step in reversed(steps(folder)):
        prefix = os.path.join(folder, f'{_BASENAME}-{step}')
        try:
            return _verified(prefix, step), problems
        except CheckpointError as error:
            if refuse_unreadable and isinstance(error, UnreadableError):
                raise
            problems.append(str(error))
    return None, problems


def _verified(prefix: str, step: int) -> Checkpoint:
    """The checkpoint of a manifest, if every file is as the manifest says.

    Nothing but the manifest is parsed before its hash is known to be right, so
    damaged files never reach TensorFlow's own readers.
    """
    shown = files.relative(prefix)
    try:
        with open(prefix + '.json', 'rb') as file:
            manifest = json.loads(file.read(_MANIFEST_MAX_BYTES))
        if manifest.pop('sha256') != _digest(manifest):
            raise ValueError('sha256')
        listed = {name: (entry['bytes'], entry['sha256']) for name, entry in manifest['files'].items()}
        progress, saved_step = dict(manifest['progress']), manifest['step']
    except OSError as error:
        raise _unreadable(shown + '.json', error) from None
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
            raise _unreadable(files.relative(path), error) from None
        except ValueError:  # a zero byte in the name
            raise CheckpointError(f'{shown}.json: is damaged') from None
    return Checkpoint(prefix, step, progress)


def restore(sess, saver, checkpoint: Checkpoint, variables) -> None:
    """Gives the session's variables the checkpoint's values.

    Shapes are compared first: Saver.restore would set a variable to a value of
    another shape without a word.

    Args:
      variables: The variables that `saver` restores.

    Raises:
      CheckpointError: It lacks a variable, or has one of another shape.
    """
    import tensorflow.compat.v1 as tf

    _check_variables(checkpoint, variables)
    shown = files.relative(checkpoint.prefix)
    try:
        # What Saver.restore runs, without the line that it logs.
        sess.run(saver.saver_def.restore_op_name, {saver.saver_def.filename_tensor_name: shown})
    except (tf.errors.OpError, ValueError) as error:
        raise CheckpointError(f'{shown}: cannot be restored ({_reason(error)}).') from None


def values(checkpoint: Checkpoint, variables) -> list[np.ndarray]:
    """The checkpoint's values of some variables, without a session.

    Raises:
      CheckpointError: It lacks a variable, or has one of another shape.
    """
    import tensorflow.compat.v1 as tf

    _check_variables(checkpoint, variables)
    shown = files.relative(checkpoint.prefix)
    try:
        reader = tf.train.load_checkpoint(shown)
        return [reader.get_tensor(variable.op.name) for variable in variables]
    except (tf.errors.OpError, ValueError) as error:
        raise CheckpointError(f'{shown}: cannot be read ({_reason(error)}).') from None


def _check_variables(checkpoint: Checkpoint, variables) -> None:
    import tensorflow.compat.v1 as tf

    shown = files.relative(checkpoint.prefix)
    try:
        saved = dict(tf.train.list_variables(shown))
    except (tf.errors.OpError, ValueError) as error:
        raise CheckpointError(f'{shown}: cannot be read ({_reason(error)}).') from None
    for variable in variables:
        name, shape = variable.op.name, variable.shape.as_list()
        if name not in saved:
            raise CheckpointError(f'{shown}: has no variable {name}; it is of another network.')
        if saved[name] != shape:
            raise CheckpointError(f'{shown}: {name} has shape {saved[name]}, but the network needs {shape}.')
