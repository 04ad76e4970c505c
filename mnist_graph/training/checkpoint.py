"""Checkpoints that can be trusted: whole or not there at all.

`tf.train.Saver` writes the variables, and `manifest.py` writes beside them how
to know that they are whole. Whatever has no manifest, or does not match it, is passed over.
The file `checkpoint` is for other programs: `tf.train.latest_checkpoint` finds the newest by it.
"""

import contextlib
import os
import re
from typing import Any

import numpy as np

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError
from mnist_graph.training import manifest
from mnist_graph.training.manifest import Checkpoint, UnreadableError

# A run's folder has two folders of checkpoints: the newest, and the one with the best validation accuracy.
LAST, BEST = 'checkpoints', 'best'
# What TensorFlow calls the file that names a folder's checkpoints.
_STATE = 'checkpoint'
# More than this many bytes are not read of it: it was not written here.
_MOST_STATE_BYTES = 1_000_000
_BASENAME = 'model.ckpt'
_MANIFEST = re.compile(re.escape(_BASENAME) + r'-(\d+)\.json')
_ANY_FILE = re.compile('(' + re.escape(_BASENAME) + r'-\d+)\..*')


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
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
            files.sync(os.path.dirname(folder))
        if _is_whole(prefix, step, progress):
            with contextlib.suppress(OSError):  # that was the last save's task, which was cut short
                _write_state(folder, step, keep)
            return Checkpoint(prefix, step, progress)
        _remove(prefix)  # a damaged or half-written one of the same step
        with sess.graph.as_default():
            base = files.relative(os.path.join(folder, _BASENAME))
            saver.save(sess, base, global_step=step, write_meta_graph=False, write_state=False)
        manifest.write(prefix, step, progress)
        _write_state(folder, step, keep)
    except (OSError, tf.errors.OpError, ValueError) as error:
        _remove(prefix)
        reason = (error.strerror if isinstance(error, OSError) else None) or _reason(error)
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
    return (after or lines or [type(error).__name__])[0].split('; ')[-1]


def _is_whole(prefix: str, step: int, progress: dict[str, Any]) -> bool:
    try:
        return manifest.verified(prefix, step).progress == progress
    except CheckpointError:
        return False


def _kept(folder: str, step: int, keep: int) -> list[str]:
    """Names of the checkpoint of `step` and the `keep` - 1 before it, ascending."""
    return [f'{_BASENAME}-{each}' for each in [each for each in steps(folder) if each <= step][-keep:]]


def _write_state(folder: str, step: int, keep: int) -> None:
    """Writes TensorFlow's `checkpoint`, a CheckpointState, before anything that it named is removed.

    Raises:
      OSError: It cannot be written.
    """
    names = _kept(folder, step, keep)
    lines = [f'model_checkpoint_path: "{names[-1]}"', *(f'all_model_checkpoint_paths: "{name}"' for name in names)]
    path, content = os.path.join(folder, _STATE), '\n'.join(lines) + '\n'
    if os.path.exists(path):
        with open(path, 'rb') as file:
            if file.read(_MOST_STATE_BYTES) == content.encode():
                return
    files.write_atomically(path, content)


def finish_killed_save(folder: str, step: int | None, keep: int) -> None:
    """Does what a save left undone if its process was killed.

    Args:
      folder: Of checkpoints; it may be missing.
      step: Of the newest whole checkpoint; None if there is none, or if the newest is not known.
      keep: As of `save`.

    Raises:
      OSError, UnreadableError: The folder cannot be read or written.
    """
    files.remove_leftovers(folder)
    if step is None:
        step = max(steps(folder), default=None)
    if step is not None:
        _write_state(folder, step, keep)


def _remove_others(folder: str, step: int, keep: int) -> None:
    """Removes all but the checkpoint of `step` and the `keep` - 1 before it.

    Later ones go too: they were damaged, or training would have gone on from
    them. So does what was left half-written when a process was killed.
    """
    try:
        kept = set(_kept(folder, step, keep))
        found = {match[1] for name in _names(folder) if (match := _ANY_FILE.fullmatch(name))}
    except UnreadableError:
        return  # the new checkpoint is whole; the next save will remove what is too much
    for name in found - kept:
        _remove(os.path.join(folder, name))
    files.remove_leftovers(folder)


def _remove(prefix: str) -> None:
    """Removes a checkpoint's files, the manifest first, so that what is left never counts as whole."""
    try:
        leftovers = manifest.files_of(prefix)
    except OSError:
        return  # to be reported by whatever is written next
    for path in sorted(leftovers, key=lambda path: path != prefix + '.json'):
        with contextlib.suppress(OSError):  # gone already
            os.unlink(path)


def steps(folder: str) -> list[int]:
    """Steps of all checkpoints that have a manifest, ascending; [] if there is no such folder.

    Raises:
      UnreadableError: The folder cannot be read. To take it for empty would start a training anew.
    """
    return sorted(int(match[1]) for name in _names(folder) if (match := _MANIFEST.fullmatch(name)))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise manifest.unreadable(folder, error) from None


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
            return manifest.verified(prefix, step), problems
        except CheckpointError as error:
            if refuse_unreadable and isinstance(error, UnreadableError):
                raise
            problems.append(str(error))
    return None, problems


def whole(folder: str, step: int) -> Checkpoint:
    """The checkpoint of a step.

    Raises:
      CheckpointError: There is none, or it is damaged.
    """
    return manifest.verified(os.path.join(folder, f'{_BASENAME}-{step}'), step)


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
