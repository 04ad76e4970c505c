"""A run's folder: its lock, description, checkpoints and metrics.

runs/2026-01-31-120000/
  hparams.json          what was trained, on what
  checkpoints/          the newest --keep_checkpoints of them
  best/                 the one with the best validation accuracy
  metrics.jsonl         one line for each display and validation
  events.out.tfevents*  for TensorBoard
"""

import contextlib
import json
import os
import shlex
from typing import Any

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError, DivergedError, MnistGraphError, UsageError
from mnist_graph.base.lock import FolderLock
from mnist_graph.training import checkpoint, description, runs
from mnist_graph.training.description import Description
from mnist_graph.training.monitor import Monitor, Progress

_CHECKPOINTS, _BEST, _METRICS = 'checkpoints', 'best', 'metrics.jsonl'


def check_new(folder: str) -> None:
    """Refuses a folder that no new run can have, before it is made.

    Raises:
      UsageError: It holds a model already, is a file, or TensorFlow could not read a model in it.
      CheckpointError: The run that made it is still going on.
    """
    _check_name(folder)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f'{folder}: is a file; --model_dir must be a folder.')
    if os.path.exists(os.path.join(folder, description.FILENAME)):
        FolderLock(folder).release()
    _check_free(folder)


def _check_name(folder: str) -> None:
    if odd := set(folder) & set('*?[\\'):
        # TensorFlow takes the name of a checkpoint for a pattern when it reads it.
        raise UsageError(
            f'{folder}: TensorFlow cannot read models from a folder with {" ".join(sorted(odd))} in its '
            f'name; give another --model_dir.'
        )


def _check_free(folder: str) -> None:
    if os.path.exists(os.path.join(folder, description.FILENAME)):
        raise UsageError(f'{folder}: holds a model already; continue it with --resume, or give another --model_dir.')
    if any(os.path.exists(os.path.join(folder, name)) for name in (_CHECKPOINTS, _BEST)):
        raise UsageError(f'{folder}: holds checkpoints, but no {description.FILENAME}; give another --model_dir.')


class RunFolder(Monitor):
    """A folder in use by this training, which it records as a Monitor; a context manager.

    Attributes:
      path: The folder.
    """

    def __init__(self, folder: str, lock: FolderLock, keep_checkpoints: int):
        self.path, self._lock, self._keep = folder, lock, keep_checkpoints
        self._metrics = None
        self._sess = self._saver = self._variables = None

    @classmethod
    def create(cls, folder: str, described: Description, keep_checkpoints: int = 3) -> 'RunFolder':
        """A folder for a new run.

        Raises:
          UsageError: As of `check_new`.
          CheckpointError: It is in use, or cannot be written.
        """
        _check_name(folder)
        lock = FolderLock(folder)
        try:
            _check_free(folder)
        except UsageError:
            lock.release()
            raise
        try:
            description.write(folder, described)
            runs.point_latest_at(folder)
        except OSError as error:
            lock.release()
            raise CheckpointError(f'{folder}: cannot be written ({error.strerror}); give another folder.') from None
        return cls(folder, lock, keep_checkpoints)

    @classmethod
    def reopen(cls, folder: str, described: Description, keep_checkpoints: int = 3) -> 'RunFolder':
        """The folder of a run to be resumed; `described` replaces its description.

        Raises:
          CheckpointError: There is no run in it, it is in use, or cannot be written.
          UsageError: It was trained on other data, or by another teacher.
        """
        if not os.path.isdir(folder):
            raise CheckpointError(f'{folder}: there is no such folder to resume; start a run without --resume.')
        lock = FolderLock(folder)
        try:
            saved = description.read(folder)
            if saved.fingerprint != described.fingerprint:
                raise UsageError(
                    f'{folder}: was trained on other data ({saved.dataset}, fingerprint {saved.fingerprint}, '
                    f'now {described.dataset}, {described.fingerprint}); give the --data_dir or --dataset of then.'
                )
            if saved.teacher_fingerprint != described.teacher_fingerprint:
                raise UsageError(
                    f'{folder}: learned from another teacher ({", ".join(saved.teacher_model_dirs) or "none"}, '
                    f'fingerprint {saved.teacher_fingerprint or "none"}, now '
                    f'{described.teacher_fingerprint or "none"}); give it by --teacher_model_dir, '
                    f'as it was then.'
                )
            if saved != described:
                description.write(folder, described)
        except OSError as error:
            lock.release()
            raise CheckpointError(
                f'{folder}: cannot be written ({error.strerror}); {files.how_to_mend(error)}.'
            ) from None
        except MnistGraphError:
            lock.release()
            raise
        return cls(folder, lock, keep_checkpoints)

    def attach(self, network, sess) -> tuple[Progress, list[str]]:
        """Gives the session's variables their saved or first values, and begins recording.

        Args:
          network: The `graph.Network` of this run.
          sess: A session on its graph.

        Returns:
          How far the run had come, and a line for each damaged checkpoint that
          was passed over.

        Raises:
          CheckpointError: The checkpoint is of another network, or the folder
            cannot be written.
        """
        import tensorflow.compat.v1 as tf

        with network.graph.as_default():
            self._variables = tf.global_variables()
            self._saver = tf.train.Saver(self._variables, max_to_keep=0)
        self._sess = sess
        sess.run(network.initializer)
        found, problems = checkpoint.find(os.path.join(self.path, _CHECKPOINTS))
        progress = Progress()
        if found:
            checkpoint.restore(sess, self._saver, found, self._variables)
            progress = Progress(**found.progress)
        self._cut_metrics(progress.step)
        return progress, problems

    def _cut_metrics(self, step: int) -> None:
        """Drops the metrics of steps that will be taken again."""
        path = os.path.join(self.path, _METRICS)
        kept = [line for line in read_metrics(self.path) if line['step'] <= step]
        try:
            files.write_atomically(path, ''.join(json.dumps(line) + '\n' for line in kept))
            self._metrics = open(path, 'a', buffering=1)
        except OSError as error:
            raise _cannot_write(path, error) from None

    def on_display(self, step, loss, accuracy, learning_rate):
        self._write_metrics({'step': step, 'loss': loss, 'accuracy': accuracy, 'learning_rate': learning_rate})

    def on_validation(self, progress, metrics, is_best):
        self._write_metrics(
            {'step': progress.step, 'validation_loss': metrics.loss, 'validation_accuracy': metrics.accuracy}
        )
        if is_best:
            self._save(_BEST, progress, keep=1)

    def on_save(self, progress):
        self._save(_CHECKPOINTS, progress, self._keep)

    def _save(self, subfolder: str, progress: Progress, keep: int) -> None:
        if not os.path.isdir(self.path):
            raise CheckpointError(f'{self.path}: the folder is gone; nothing more can be saved in it.')
        checkpoint.save(
            self._sess, self._saver, os.path.join(self.path, subfolder), progress.step, progress._asdict(), keep
        )

    def _write_metrics(self, values: dict[str, Any]) -> None:
        try:
            self._metrics.write(json.dumps(values) + '\n')
        except OSError as error:
            raise _cannot_write(os.path.join(self.path, _METRICS), error) from None

    def restore_best(self, sess) -> None:
        """Gives the session's variables the values of the best validation accuracy."""
        best, _ = find_checkpoint(self.path, 'best')
        checkpoint.restore(sess, self._saver, best, self._variables)

    def __enter__(self) -> 'RunFolder':
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if isinstance(error, DivergedError):
            found, _ = checkpoint.find(os.path.join(self.path, _CHECKPOINTS))
            error.args = (
                f'{error} '
                + (
                    f'The checkpoint of step {found.step} in {self.path} is still good.'
                    if found
                    else 'No checkpoint was saved before that.'
                ),
            )
        if self._metrics:
            with contextlib.suppress(OSError) if error else contextlib.nullcontext():  # the disk that is full, again
                self._metrics.close()
        self._lock.release()


def _cannot_write(path: str, error: OSError) -> CheckpointError:
    return CheckpointError(f'{path}: cannot be written ({error.strerror}); {files.how_to_mend(error)}, then --resume.')


def read_metrics(folder: str) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl that are whole, oldest first; [] if there are none."""
    lines = []
    try:
        with open(os.path.join(folder, _METRICS), encoding='utf-8', errors='replace') as file:
            for line in file:
                try:
                    values = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(values, dict) and isinstance(values.get('step'), int):
                    lines.append(values)
    except OSError:
        pass
    return lines


def find_checkpoint(folder: str, which: str, flag: str = '--model_dir') -> tuple[checkpoint.Checkpoint, list[str]]:
    """The 'last' or 'best' whole checkpoint of a model folder, and lines about damaged ones.

    Raises:
      CheckpointError: There is no whole checkpoint.
    """
    subfolder = {'last': _CHECKPOINTS, 'best': _BEST}[which]
    found, problems = checkpoint.find(os.path.join(folder, subfolder))
    if found is None:
        reason = problems[0] if problems else 'none was saved yet'
        raise CheckpointError(
            f'{folder}: has no whole checkpoint to load ({reason}); train on with python -m '
            f'mnist_graph.main --resume --model_dir={shlex.quote(folder)}, or give another {flag}.'
        )
    return found, problems
