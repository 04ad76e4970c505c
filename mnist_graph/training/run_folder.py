"""A run's folder: its lock, description, checkpoints and metrics.

runs/2026-01-31-120000/
  hparams.json          what was trained, on what
  checkpoints/          the newest --keep_checkpoints of them
  best/                 the one with the best validation accuracy
  metrics.jsonl         one line for each display and validation
  events.out.tfevents*  for TensorBoard
"""

import os
import shlex

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError, DivergedError, MnistGraphError, UsageError
from mnist_graph.base.lock import FolderLock
from mnist_graph.training import checkpoint, description, metrics, runs
from mnist_graph.training.checkpoint import Checkpoint
from mnist_graph.training.description import Description
from mnist_graph.training.monitor import Monitor, Progress

__all__ = ['RunFolder', 'check_new', 'find_checkpoint']
# TensorFlow takes the name of a checkpoint for a pattern when it reads it. On Windows a backslash parts folders.
_PATTERN_CHARACTERS = set('*?[') | ({'\\'} - {os.sep})


def check_new(model_dir: str | os.PathLike) -> str:
    """Refuses a folder that no new run can have, before it is made.

    Returns:
      The real folder; see `runs.resolve`.

    Raises:
      UsageError: It holds a model already, is a file, or TensorFlow could not write or read a model in it.
      CheckpointError: The run that made it is still going on.
    """
    folder = _resolve_new(model_dir)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f'{folder}: is a file; --model_dir must be a folder.')
    if os.path.exists(os.path.join(folder, description.FILENAME)):
        FolderLock(folder).release()
    _check_free(folder)
    return folder


def _resolve_new(model_dir: str | os.PathLike) -> str:
    folder = runs.resolve(model_dir)
    runs.check_own(folder)
    if folder == runs.LATEST and not os.path.isdir(folder):
        raise UsageError(f'{folder}: is kept for the name of the newest run; give another --model_dir.')
    if odd := set(folder) & _PATTERN_CHARACTERS:
        raise UsageError(
            f'{folder}: TensorFlow cannot read models from a folder with {" ".join(sorted(odd))} in its '
            f'name; give another --model_dir.'
        )
    try:
        os.path.abspath(folder).encode()
    except UnicodeEncodeError:
        raise UsageError(
            f'{folder}: TensorFlow cannot write to a folder whose name is not UTF-8; give another --model_dir.'
        ) from None
    return folder


def _check_free(folder: str) -> None:
    if os.path.exists(os.path.join(folder, description.FILENAME)):
        raise UsageError(f'{folder}: holds a model already; continue it with --resume, or give another --model_dir.')
    if any(os.path.exists(os.path.join(folder, name)) for name in (checkpoint.LAST, checkpoint.BEST)):
        raise UsageError(f'{folder}: holds checkpoints, but no {description.FILENAME}; give another --model_dir.')


class RunFolder(Monitor):
    """A folder in use by this training, which it records as a Monitor; a context manager.

    Attributes:
      path: The folder, as messages name it.
    """

    def __init__(
        self,
        folder: str,
        lock: FolderLock,
        keep_checkpoints: int,
        found: Checkpoint | None = None,
        problems: list[str] | None = None,
    ):
        self.path, self._lock, self._keep = folder, lock, keep_checkpoints
        self._folder = os.path.abspath(folder)  # whatever becomes of the working directory
        self._found, self._problems = found, problems or []
        self._metrics: metrics.MetricsFile | None = None

    @classmethod
    def create(
        cls, model_dir: str | os.PathLike | None, described: Description, keep_checkpoints: int = 3
    ) -> 'RunFolder':
        """A folder for a new run; None makes a new one in runs/.

        Raises:
          UsageError: As of `check_new`.
          CheckpointError: It is in use, or cannot be written.
        """
        folder = _resolve_new(model_dir) if model_dir else runs.make_new_folder()
        lock = FolderLock(folder, made=() if model_dir else (runs.RUNS, folder))
        try:
            _check_free(folder)
            files.remove_leftovers(folder)
            description.write(folder, described)
            runs.point_latest_at(folder)
        except MnistGraphError:
            lock.release()
            raise
        except OSError as error:
            lock.undo(description.FILENAME)
            raise CheckpointError(f'{folder}: cannot be written ({error.strerror}); give another folder.') from None
        return cls(folder, lock, keep_checkpoints)

    @classmethod
    def reopen(cls, model_dir: str | os.PathLike, described: Description, keep_checkpoints: int = 3) -> 'RunFolder':
        """The folder of a run to be resumed; `described` replaces its description.

        What the folder says of earlier TensorFlow versions and numbers of
        threads is kept beside what `described` says.

        Raises:
          CheckpointError: There is no run in it, no checkpoint of it is whole,
            something in it cannot be read or written, or it is in use.
          UsageError: It was trained on other data, or by another teacher.
        """
        folder = runs.resolve(model_dir)
        if not os.path.isdir(folder):
            raise CheckpointError(f'{folder}: there is no such folder to resume; start a run without --resume.')
        lock = FolderLock(folder)
        try:
            saved = description.read(folder)
            description.check_same_origin(folder, saved, described)
            # Whatever cannot be read is found before anything is written.
            found, problems = checkpoint.find(os.path.join(folder, checkpoint.LAST), refuse_unreadable=True)
            if problems and not found:
                raise CheckpointError(
                    f'{folder}: no checkpoint to go on from is whole ({problems[0]}); start a new run without '
                    f'--resume.{_where_best_is_whole(folder)}'
                )
            metrics.read(folder)
            described, notice = description.going_on(folder, saved, described, found.step if found else 0)
            files.remove_leftovers(folder)
            step = found.step if found else None
            checkpoint.finish_killed_save(os.path.join(folder, checkpoint.LAST), step, keep_checkpoints)
            checkpoint.finish_killed_save(os.path.join(folder, checkpoint.BEST), None, 1)
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
        return cls(folder, lock, keep_checkpoints, found, problems + [notice] * bool(notice))

    def attach(self, network, sess) -> tuple[Progress, list[str]]:
        """Gives the session's variables their saved or first values, and begins recording.

        Args:
          network: The `graph.Network` of this run.
          sess: A session on its graph.

        Returns:
          How far the run had come, whose step is 0 if nothing was saved yet; and
          a line, without a full stop, for each thing that the user should know
          before it goes on: damaged checkpoints that were passed over, another
          TensorFlow version than before, another number of threads.

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
        progress = Progress()
        if self._found:
            checkpoint.restore(sess, self._saver, self._found, self._variables)
            progress = Progress(**self._found.progress)
        self._metrics = metrics.MetricsFile(self._folder, progress.step)
        return progress, self._problems

    @property
    def has_checkpoint(self) -> bool:
        """Whether `attach` gave the variables saved values."""
        return self._found is not None

    def on_display(self, step, loss, accuracy, learning_rate):
        self._write({'step': step, 'loss': loss, 'accuracy': accuracy, 'learning_rate': learning_rate})

    def on_validation(self, progress, metrics, is_best):
        self._write({'step': progress.step, 'validation_loss': metrics.loss, 'validation_accuracy': metrics.accuracy})
        if is_best:
            self._save(checkpoint.BEST, progress, keep=1)

    def on_save(self, progress):
        self._save(checkpoint.LAST, progress, self._keep)

    def _write(self, values: dict) -> None:
        assert self._metrics, 'attach comes first'
        self._metrics.write(values)

    def _save(self, subfolder: str, progress: Progress, keep: int) -> None:
        if not os.path.isdir(self._folder):
            raise CheckpointError(f'{self.path}: the folder is gone; nothing more can be saved in it.')
        folder = os.path.join(self._folder, subfolder)
        checkpoint.save(self._sess, self._saver, folder, progress.step, progress._asdict(), keep)

    def restore_best(self, sess) -> None:
        """Gives the session's variables the values of the best validation accuracy."""
        best, _ = find_checkpoint(self._folder, 'best')
        checkpoint.restore(sess, self._saver, best, self._variables)

    def __enter__(self) -> 'RunFolder':
        return self

    def __exit__(self, kind, error, traceback) -> None:
        try:
            if isinstance(error, DivergedError):
                error.args = (f'{error} {self._last_good()}',)
            if self._metrics:
                self._metrics.close(after_error=bool(error))
        finally:
            self._lock.release()

    def _last_good(self) -> str:
        """What is left of a run that has diverged."""
        found, _ = checkpoint.find(os.path.join(self._folder, checkpoint.LAST))
        if not found:
            return 'No checkpoint was saved before that.'
        return f'The checkpoint of step {found.step} in {self.path} is still good.'


def find_checkpoint(folder: str, which: str, flag: str = '--model_dir') -> tuple[Checkpoint, list[str]]:
    """The 'last' or 'best' whole checkpoint of a model folder, and lines about damaged ones.

    Raises:
      CheckpointError: There is no whole checkpoint.
    """
    subfolder = {'last': checkpoint.LAST, 'best': checkpoint.BEST}[which]
    found, problems = checkpoint.find(os.path.join(folder, subfolder))
    if found is None:
        shown, reason = files.relative(folder), problems[0] if problems else 'none was saved yet'
        if problems and which == 'last':  # --resume would refuse them, too
            advice = f'give another {flag}.{_where_best_is_whole(folder)}'
        else:
            command = f'python -m mnist_graph.main --resume --model_dir={shlex.quote(shown)}'
            advice = f'train on with {command}, or give another {flag}.'
        raise CheckpointError(f'{shown}: has no whole checkpoint to load ({reason}); {advice}')
    return found, problems


def _where_best_is_whole(folder: str) -> str:
    """A sentence that names the best checkpoint, or '' where that is damaged, too."""
    best, _ = checkpoint.find(os.path.join(folder, checkpoint.BEST))
    return (
        f' That of step {best.step} in {checkpoint.BEST}/ is whole; predict uses it with --checkpoint=best.'
        if best
        else ''
    )
