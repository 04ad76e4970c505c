"""Checkpoints that can be trusted: whole or not there at all.

`tf.train.Saver` writes the variables; beside them goes a manifest,
`model.ckpt-1000.json`, with the size and SHA-256 of each of their files, how
far training had come, and the SHA-256 of all this. The manifest is written last,
so a checkpoint whose writing was cut short has none and does not count; one whose
bytes changed later no longer matches it and is passed over.
"""

import glob
import hashlib
import json
import os
import re
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError

_BASENAME = 'model.ckpt'
_MANIFEST = re.compile(re.escape(_BASENAME) + r'-(\d+)\.json')
_ANY_FILE = re.compile('(' + re.escape(_BASENAME) + r'-\d+)\..*')
_MANIFEST_MAX_BYTES = 100_000


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
            saver.save(
                sess, os.path.join(folder, _BASENAME), global_step=step, write_meta_graph=False, write_state=False
            )
        written = sorted(path for path in glob.glob(glob.escape(prefix) + '.*'))
        manifest = {
            'step': step,
            'progress': progress,
            'files': {
                os.path.basename(path): {'bytes': os.path.getsize(path), 'sha256': files.sha256(path)}
                for path in written
            },
        }
        files.write_json(prefix + '.json', {**manifest, 'sha256': _digest(manifest)})
    except (OSError, tf.errors.OpError, ValueError) as error:
        _remove(prefix)
        reason = error.strerror if isinstance(error, OSError) else _reason(error)
        raise CheckpointError(
            f'{folder}: the checkpoint of step {step} could not be written ({reason}); '
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
    kept = {f'{_BASENAME}-{each}' for each in [each for each in _steps(folder) if each <= step][-keep:]}
    found = {match[1] for name in _names(folder) if (match := _ANY_FILE.fullmatch(name))}
    for name in found - kept:
        _remove(os.path.join(folder, name))


def _remove(prefix: str) -> None:
    """Removes a checkpoint's files, the manifest first, so that what is left never counts as whole."""
    manifest = prefix + '.json'
    leftovers = glob.glob(glob.escape(prefix) + '.*')
    for path in [manifest] * (manifest in leftovers) + [path for path in leftovers if path != manifest]:
        try:
            os.unlink(path)
        except OSError:
            pass  # gone already, or to be reported by whatever is written next


def _steps(folder: str) -> list[int]:
    """Steps of all checkpoints that have a manifest, ascending."""
    return sorted(int(match[1]) for name in _names(folder) if (match := _MANIFEST.fullmatch(name)))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def find(folder: str) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint in `folder`.

    Returns:
      The checkpoint, or None if there is no whole one; and a line for each
      newer one that is damaged, saying which and how.
    """
    problems = []
    for step in reversed(_steps(folder)):
        prefix = os.path.join(folder, f'{_BASENAME}-{step}')
        try:
            return _verified(prefix, step), problems
        except CheckpointError as error:
            problems.append(str(error))
    return None, problems


def _verified(prefix: str, step: int) -> Checkpoint:
    """The checkpoint of a manifest, if every file is as the manifest says.

    Nothing but the manifest is parsed before its hash is known to be right, so
    damaged files never reach TensorFlow's own readers.
    """
    manifest_path = prefix + '.json'
    try:
        with open(manifest_path, 'rb') as file:
            manifest = json.loads(file.read(_MANIFEST_MAX_BYTES))
        if manifest.pop('sha256') != _digest(manifest):
            raise ValueError('sha256')
        listed = {name: (entry['bytes'], entry['sha256']) for name, entry in manifest['files'].items()}
        progress, saved_step = dict(manifest['progress']), manifest['step']
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f'{manifest_path}: is damaged') from None
    if saved_step != step or not any(name.endswith('.index') for name in listed):
        raise CheckpointError(f'{manifest_path}: is damaged')
    for name, (n_bytes, digest) in listed.items():
        path = os.path.join(os.path.dirname(prefix), os.path.basename(name))
        try:
            if os.path.getsize(path) != n_bytes or files.sha256(path) != digest:
                raise CheckpointError(f'{path}: is damaged (its size or SHA-256 is not what was saved)')
        except (OSError, ValueError) as error:
            raise CheckpointError(f'{path}: cannot be read ({getattr(error, "strerror", error)})') from None
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
    try:
        # What Saver.restore runs, without the line that it logs.
        sess.run(saver.saver_def.restore_op_name, {saver.saver_def.filename_tensor_name: checkpoint.prefix})
    except (tf.errors.OpError, ValueError) as error:
        raise CheckpointError(f'{checkpoint.prefix}: cannot be restored ({_reason(error)}).') from None


def values(checkpoint: Checkpoint, variables) -> list[np.ndarray]:
    """The checkpoint's values of some variables, without a session.

    Raises:
      CheckpointError: It lacks a variable, or has one of another shape.
    """
    import tensorflow.compat.v1 as tf

    _check_variables(checkpoint, variables)
    try:
        reader = tf.train.load_checkpoint(checkpoint.prefix)
        return [reader.get_tensor(variable.op.name) for variable in variables]
    except (tf.errors.OpError, ValueError) as error:
        raise CheckpointError(f'{checkpoint.prefix}: cannot be read ({_reason(error)}).') from None


def _check_variables(checkpoint: Checkpoint, variables) -> None:
    import tensorflow.compat.v1 as tf

    try:
        saved = dict(tf.train.list_variables(checkpoint.prefix))
    except (tf.errors.OpError, ValueError) as error:
        raise CheckpointError(f'{checkpoint.prefix}: cannot be read ({_reason(error)}).') from None
    for variable in variables:
        name, shape = variable.op.name, variable.shape.as_list()
        if name not in saved:
            raise CheckpointError(f'{checkpoint.prefix}: has no variable {name}; it is of another network.')
        if saved[name] != shape:
            raise CheckpointError(
                f'{checkpoint.prefix}: {name} has shape {saved[name]}, but the network needs {shape}.'
            )
