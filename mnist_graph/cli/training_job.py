"""What `main` is asked to do, by its flags or by the run that it resumes, and the lines that it prints about that."""

import contextlib
import shlex
from typing import NamedTuple

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import common_flags, machines, process
from mnist_graph.hparams import NEEDS, SPECS, HParams, flag_text, missing_flag

FLAGS = flags.FLAGS
# Flags that the folder of a run does not record, so that they must be given again to go on with it.
_NOT_RECORDED = (
    'keep_checkpoints',
    'save_steps',
    'display_step',
    'tensorboard',
    'checkpoint',
    'tta',
    'image',
    'pictures',
    'skip_bad_pictures',
)


class TrainingJob(NamedTuple):
    """One training, ready to begin.

    Attributes:
      hparams: The hyperparameters.
      n_validation: Training pictures to hold out; None leaves that to `data.load`.
      dataset, data_dir, pictures: As `data.load` takes them.
      model_dir: Folder of the run; None for a new one under runs/.
      teacher_model_dirs: As `saved_model.find` takes them; () without a teacher.
      n_threads: Cores to use, on all machines together.
      n_towers: Parts of each batch; 0 leaves that to `cores.share_cores`.
      workers: As `machines.check_flags` returns them.
    """

    hparams: HParams
    n_validation: int | None
    dataset: str
    data_dir: str | None
    pictures: str
    model_dir: str | None
    teacher_model_dirs: tuple[str, ...]
    n_threads: int
    n_towers: int
    workers: list[str]

    def open_cluster(self):
        """The `runtime.Cluster` to train on, or None, as a context manager."""
        return machines.opened(self.workers, self.n_threads, self.n_towers)

    def load_teacher(self, dataset):
        """The `teachers.Teacher` that the run learns from, or None."""
        if not self.teacher_model_dirs:
            return None
        from mnist_graph.models import teachers

        teacher = teachers.load(self.teacher_model_dirs, dataset)
        for problem in teacher.problems:
            process.note(f'{problem}; the teacher is the checkpoint before it.')
        return teacher

    def input_spec(self, described):
        """What the network is fed: that of the data, but standardized as the model to start from was."""
        if not self.hparams.init_checkpoint:
            return described.input_spec
        from mnist_graph.models import starting_point
        from mnist_graph.training import description

        if FLAGS.resume and self.model_dir:  # the model that it started from need not be there any more
            saved = description.read(self.model_dir).input_spec
            return described.input_spec._replace(pixel_mean=saved.pixel_mean, pixel_std=saved.pixel_std)
        return starting_point.load(self.hparams, described.input_spec, described.class_names).spec

    def start_from(self, network, sess, described, folder, progress) -> None:
        """Gives a run that has done no step yet the values of the model to start from, and saves them."""
        if not self.hparams.init_checkpoint or folder.has_checkpoint:
            return
        from mnist_graph.models import starting_point

        start = starting_point.load(self.hparams, described.input_spec, described.class_names)
        start.apply(network, sess)
        folder.on_save(progress)  # so that resuming does not depend on that model
        process.note(start.notice)

    def open_views(self, described):
        """The `views.Views` that --tta asks for, or None without it, as a context manager.

        Raises:
          UsageError: The pictures are too small to be moved; so this is called before the training.
        """
        if FLAGS.tta == 1:
            return contextlib.nullcontext()
        from mnist_graph.network.views import Views

        return Views(described.input_spec, FLAGS.tta)

    def open_folder(self, described):
        """The run's folder, locked, with its description written into it."""
        from mnist_graph.training.run_folder import RunFolder

        if FLAGS.resume and self.model_dir:
            return RunFolder.reopen(self.model_dir, described, FLAGS.keep_checkpoints)
        return RunFolder.create(self.model_dir, described, FLAGS.keep_checkpoints)


def from_flags() -> TrainingJob:
    """The job that the flags describe; all that can be checked quickly is checked.

    Raises:
      UsageError: The flags contradict each other or the run to resume, or --model_dir holds a model already.
      CheckpointError: There is no run to resume, or no whole model in --teacher_model_dir.
    """
    job = _resumed() if FLAGS.resume else _new()
    _check_effects(job.hparams)
    _check_teacher(job)
    return job


def _new() -> TrainingJob:
    model_dir = None
    if FLAGS.model_dir:
        from mnist_graph.training import run_folder

        model_dir = run_folder.check_new(FLAGS.model_dir)  # now rather than after TensorFlow's import
    hparams = _starting(common_flags.hparams_from_flags())
    workers, n_towers = machines.check_flags(hparams.batch_size, 0)
    return TrainingJob(
        hparams,
        hparams.n_validation if FLAGS['n_validation'].present else None,
        FLAGS.dataset,
        FLAGS.data_dir,
        FLAGS.pictures,
        model_dir,
        _given_teachers(),
        _n_threads(workers),
        n_towers,
        workers,
    )


def _resumed() -> TrainingJob:
    """The run in the folder; flags that are given must agree with it, but for a larger number of steps."""
    from mnist_graph.training import description, runs

    folder = runs.resolve(FLAGS.model_dir)
    runs.check_own(folder)
    saved = description.read(folder)
    hparams = common_flags.hparams_from_flags(saved.hparams)
    if FLAGS['init_checkpoint'].present:
        hparams = _starting(hparams)
    description.check_resumable(saved.hparams, hparams, saved.n_train)
    same_threads = not FLAGS['num_threads'].present
    saved_towers = saved.trained_with[-1].n_towers if same_threads else None
    workers, n_towers = machines.check_flags(hparams.batch_size, saved_towers or 0)
    return TrainingJob(
        hparams,
        hparams.n_validation,
        FLAGS.dataset if FLAGS['dataset'].present else saved.dataset_flag,
        FLAGS.data_dir if FLAGS['data_dir'].present else saved.data_dir or None,
        saved.pictures,
        folder,
        _given_teachers() or saved.teacher_model_dirs,
        saved.n_threads if same_threads else _n_threads(workers),
        n_towers,
        workers,
    )


def _n_threads(workers: list[str]) -> int:
    """--num_threads, or as many as if each of these machines had the cores of this one."""
    return FLAGS.num_threads or common_flags.n_threads() * max(1, len(workers))


def _starting(hparams: HParams) -> HParams:
    """See `starting_point.resolved`."""
    if not hparams.init_checkpoint:
        return hparams
    from mnist_graph.models import starting_point

    return starting_point.resolved(hparams, tuple(name for name in SPECS if FLAGS[name].present))


def _given_teachers() -> tuple[str, ...]:
    """What --teacher_model_dir says, as `saved_model.find` takes it."""
    given = (FLAGS.teacher_model_dir or '').strip(',')
    return (given,) if given else ()


def _check_effects(hparams: HParams) -> None:
    """Refuses flags that choose by validation pictures where there are none, and names those that change nothing."""
    for name, idle in (('checkpoint', 'last'), ('early_stopping_patience', 0)):
        if FLAGS[name].value != idle and not hparams.n_validation:
            raise UsageError(
                f'--{name}={FLAGS[name].value} chooses by validation pictures, of which --n_validation=0 leaves none.'
            )
    for name in NEEDS:
        if FLAGS[name].present and (missing := missing_flag(name, hparams)):
            process.note(f'{flag_text(name, getattr(hparams, name))} has no effect without {missing}.')


def _check_teacher(job: TrainingJob) -> None:
    """Looks for the teacher, if there is to be one, before TensorFlow's import."""
    hparams = job.hparams
    if hparams.distillation_temperature and not job.teacher_model_dirs:
        raise UsageError(
            f'{flag_text("distillation_temperature", hparams.distillation_temperature)} needs a model to '
            f'learn from; give its --teacher_model_dir.'
        )
    if not job.teacher_model_dirs:
        return
    if not hparams.distillation_temperature:
        raise UsageError(
            f'--teacher_model_dir={",".join(job.teacher_model_dirs)} needs a --distillation_temperature '
            f'above 0, such as 3.'
        )
    if hparams.label_smoothing and FLAGS['label_smoothing'].present:
        process.note(f'{flag_text("label_smoothing", hparams.label_smoothing)} has no effect beside a teacher.')
    from mnist_graph.models import saved_model

    saved_model.find(job.teacher_model_dirs, flag='--teacher_model_dir')


def opening(hparams: HParams, dataset, network, n_steps: int) -> str:
    """What is about to be trained, and what the lines that follow show.

    Args:
      hparams: The hyperparameters.
      dataset: The `data.Dataset`.
      network: The `graph.Network`.
      n_steps: Length of the whole training.
    """
    n_parameters = sum(
        variable.shape.num_elements() for group in (network.weights, network.biases) for variable in group.values()
    )
    spec = dataset.input_spec()
    widths = [*hparams.hidden_units, spec.n_classes]
    if hparams.model == 'cnn':
        layers = f'{"-".join(map(str, hparams.filters))} filters, {"-".join(map(str, widths))} units'
    else:
        layers = '-'.join(map(str, [spec.n_features, *widths]))
    return (
        f'{len(dataset.train):,} pictures, {layers}, {n_parameters:,} parameters, {n_steps} step{"s" * (n_steps > 1)}\n'
        f'Loss and accuracy are those of one mini-batch ({min(hparams.batch_size, len(dataset.train))} pictures), '
        f'without dropout.'
    )


def where_it_goes_on(hparams: HParams, progress, n_steps: int) -> str:
    """What --resume found: a line for the user.

    Args:
      hparams: The hyperparameters.
      progress: The `Progress` of the checkpoint that was found.
      n_steps: Length of the whole training.
    """
    if not progress.step:
        return 'Nothing was saved yet: starting again'
    if 0 < hparams.early_stopping_patience <= progress.validations_since_best:
        return f'Already stopped early, at step {progress.step}'
    if progress.step < n_steps:
        return f'Going on from step {progress.step}'
    if hparams.learning_rate_schedule != 'constant' or hparams.augment_taper:
        return f'Already at step {progress.step}, the end that its schedule was made for'
    return f'Already at step {progress.step}; give a larger --{"n_epochs" if hparams.n_epochs else "n_iterations"}'


def ending(result, folder: str) -> str:
    """What there is to say of a training that ended before its last step, or ''; `result` is the `train.Result`."""
    progress = result.progress
    if not result.finished:
        return f'Stopped after step {progress.step}, which is saved; go on with {resume_command(folder)}'
    if result.stopped_early:
        return (
            f'Stopped early after step {progress.step}: the best validation accuracy was '
            f'{progress.best_accuracy:.4f} at step {progress.best_step}.'
        )
    return ''


def resume_command(folder: str) -> str:
    """What to type to go on: the flags that were given, without those that the folder records."""
    given = [FLAGS[name].serialize() for name in _NOT_RECORDED if FLAGS[name].present]
    return shlex.join(['python', '-m', 'mnist_graph.main', '--resume', f'--model_dir={folder}', *given])
