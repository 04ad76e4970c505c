"""Trains the graph on MNIST, tests it, and predicts a picture.

    python -m mnist_graph.main --learning_rate=1e-4 --n_iterations=1000

`main` below tells the story from top to bottom. How the graph looks is in
`graph.py`, how it is trained in `train.py`.
"""

import contextlib
import shlex
import sys
from typing import NamedTuple

from absl import flags

from mnist_graph.base.errors import CheckpointError, ImageError, UsageError
from mnist_graph.cli import common_flags, process
from mnist_graph.hparams import NEEDS, HParams, flag_text, missing_flag

FLAGS = flags.FLAGS


def define_flags() -> None:
    """The hyperparameters, and how this run is to be done."""
    common_flags.define_hparams()
    common_flags.define('dataset', 'data_dir', 'model_dir', 'checkpoint', 'num_threads')
    common_flags.define_path(
        'teacher_model_dir',
        'Folder of the trained model that --distillation_temperature learns from, by '
        'its last checkpoint; of several, separated by commas, their mean.',
    )
    common_flags.define_path('image', 'Picture to predict at the end; by default test_img.png.')
    flags.DEFINE_integer('display_step', 100, 'Iterations from one printed line to the next.', lower_bound=1)
    flags.DEFINE_boolean('resume', False, 'Continue the run in --model_dir (by default the newest) where it stopped.')
    flags.DEFINE_integer('save_steps', 1000, 'Iterations from one checkpoint to the next.', lower_bound=1)
    flags.DEFINE_integer('keep_checkpoints', 3, 'How many of the newest checkpoints to keep.', lower_bound=1)
    flags.DEFINE_boolean('tensorboard', True, "Write event files for TensorBoard into the run's folder.")


def main(arguments) -> int:
    """Runs the job that the flags describe; returns the exit code."""
    process.no_arguments(arguments)
    run = new_run() if not FLAGS.resume else resumed_run()
    hparams = run.hparams
    check_effects(hparams)
    check_teacher(run)

    # The data set, and the picture to read at the end.
    from mnist_graph import data, train
    from mnist_graph.training import description

    mnist = data.load(run.dataset, run.data_dir, hparams.n_validation, show_progress=sys.stderr.isatty())
    for notice in mnist.notices:
        process.note(notice)
    n_steps = hparams.total_steps(len(mnist.train))
    image = read_image(mnist)

    # The graph. TensorFlow takes seconds to import, so not before it is needed.
    from mnist_graph.base import tensorflow
    from mnist_graph.training import cores

    tf = tensorflow.import_tensorflow()
    from mnist_graph import graph
    from mnist_graph.cli.printer import Printer
    from mnist_graph.training import evaluation
    from mnist_graph.training.event_files import EventFiles

    n_towers = cores.share_cores(run.n_threads, hparams)
    teacher = load_teacher(run, mnist)
    described = description.describe(
        hparams, mnist, run.dataset, run.data_dir, run.n_threads, tf.__version__, teacher, n_towers
    )
    network = graph.build(
        hparams, described.input_spec, n_steps, n_towers, fed_step=False, teacher=teacher and teacher.logits
    )

    with open_folder(run, described) as folder, cores.open_session(network, run.n_threads, n_towers) as sess:
        # Training.
        progress, problems = folder.attach(network, sess)
        for problem in problems:
            process.note(f'{problem}; going on from step {progress.step}.')
        with contextlib.ExitStack() as stack:
            stop = stack.enter_context(process.StopRequest().listening())
            printer = stack.enter_context(Printer(progress.step, n_steps))
            monitors = [folder, printer]
            if FLAGS.tensorboard:
                monitors.append(stack.enter_context(EventFiles(folder.path, network, sess, hparams, progress.step)))
            result = train.train(
                network,
                sess,
                hparams,
                mnist,
                start=progress,
                monitors=monitors,
                display_step=FLAGS.display_step,
                save_steps=FLAGS.save_steps,
                should_stop=lambda: stop or printer.error,
                n_threads=run.n_threads,
            )
        if not result.finished:
            process.note(
                f'Stopped after step {result.progress.step}, which is saved; go on with {resume_command(folder.path)}'
            )
            if printer.error:
                raise printer.error
            return 128 + stop.signal
        if result.stopped_early:
            print(
                f'Stopped early after step {result.progress.step}: the best validation accuracy was '
                f'{result.progress.best_accuracy:.4f} at step {result.progress.best_step}.'
            )

        # Testing, over every picture.
        where = '' if mnist.name == 'mnist' else f' ({mnist.name})'
        validation = result.validation
        if FLAGS.checkpoint == 'best' and validation.n:
            folder.restore_best(sess)
            validation = evaluation.evaluate(network, sess, mnist.validation, run.n_threads)
        if validation.n:
            print(f'Accuracy on validation set{where}: {validation.accuracy:.4f}')
        test = evaluation.evaluate(network, sess, mnist.test, run.n_threads)
        print(f'Accuracy on test set{where}: {test.accuracy:.4f}')

        # Predicting.
        if image is not None:
            probabilities = evaluation.softmax(evaluation.logits(network, sess, image))[0]
            digit = probabilities.argmax()
            print(
                f'Prediction for test image{where}: {mnist.class_names[digit]} (probability {probabilities[digit]:.3f})'
            )
        print(f'The model is in {folder.path}')
    return 0


class Run(NamedTuple):
    """What this run is to do: from the flags alone, or from the run that they resume."""

    hparams: HParams
    dataset: str
    data_dir: str | None
    model_dir: str | None
    teacher_model_dirs: tuple[str, ...]
    n_threads: int


def new_run() -> Run:
    """A run from the flags.

    Raises:
      UsageError: They contradict each other, or --model_dir holds a model already.
      CheckpointError: The run that made it is still going on.
    """
    model_dir = None
    if FLAGS.model_dir:
        from mnist_graph.training import run_folder

        model_dir = run_folder.check_new(FLAGS.model_dir)  # now rather than after TensorFlow's import
    return Run(
        common_flags.hparams_from_flags(),
        FLAGS.dataset,
        FLAGS.data_dir,
        model_dir,
        given_teachers(),
        common_flags.n_threads(),
    )


def resumed_run() -> Run:
    """The run in the folder; flags that are given must agree with it.

    Raises:
      UsageError: A hyperparameter differs, other than a larger number of steps.
      CheckpointError: There is no run to resume.
    """
    from mnist_graph.training import description, runs

    folder = runs.resolve(FLAGS.model_dir)
    saved = description.read(folder)
    hparams = common_flags.hparams_from_flags(saved.hparams)
    description.check_resumable(saved.hparams, hparams, saved.n_train)
    return Run(
        hparams,
        FLAGS.dataset if FLAGS['dataset'].present else saved.dataset_flag,
        FLAGS.data_dir if FLAGS['data_dir'].present else saved.data_dir or None,
        folder,
        given_teachers() or saved.teacher_model_dirs,
        common_flags.n_threads() if FLAGS['num_threads'].present else saved.n_threads,
    )


def given_teachers() -> tuple[str, ...]:
    """What --teacher_model_dir says, as `saved_model.find` takes it."""
    given = (FLAGS.teacher_model_dir or '').strip(',')
    return (given,) if given else ()


def check_effects(hparams: HParams) -> None:
    """Names the flags given that change nothing in this run.

    Raises:
      UsageError: One chooses by validation pictures, of which there are none.
    """
    for name, idle in (('checkpoint', 'last'), ('early_stopping_patience', 0)):
        if FLAGS[name].value != idle and not hparams.n_validation:
            raise UsageError(
                f'--{name}={FLAGS[name].value} needs pictures to choose by, which --n_validation=0 leaves none of.'
            )
    for name in NEEDS:
        if FLAGS[name].present and (missing := missing_flag(name, hparams)):
            process.note(f'{flag_text(name, getattr(hparams, name))} has no effect without {missing}.')


def check_teacher(run: Run) -> None:
    """Looks for the teacher before TensorFlow's import.

    Raises:
      UsageError: There is a teacher without a temperature or the reverse.
      CheckpointError: There is no whole model in --teacher_model_dir.
    """
    hparams = run.hparams
    if hparams.distillation_temperature and not run.teacher_model_dirs:
        raise UsageError(
            f'{flag_text("distillation_temperature", hparams.distillation_temperature)} needs a model to '
            f'learn from; give its --teacher_model_dir.'
        )
    if not run.teacher_model_dirs:
        return
    if not hparams.distillation_temperature:
        raise UsageError(
            f'--teacher_model_dir={",".join(run.teacher_model_dirs)} needs a --distillation_temperature '
            f'above 0, such as 3.'
        )
    if hparams.label_smoothing and FLAGS['label_smoothing'].present:
        process.note(f'{flag_text("label_smoothing", hparams.label_smoothing)} has no effect beside a teacher.')
    from mnist_graph.models import saved_model

    try:
        saved_model.find(run.teacher_model_dirs)
    except CheckpointError as error:
        raise CheckpointError(
            f'The teacher in {str(error).replace("its --model_dir", "its --teacher_model_dir")}'
        ) from None


def load_teacher(run: Run, dataset):
    """The `teachers.Teacher` that the run learns from, or None."""
    if not run.teacher_model_dirs:
        return None
    from mnist_graph.models import teachers

    teacher = teachers.load(run.teacher_model_dirs, dataset, run.hparams.n_validation)
    for problem in teacher.problems:
        process.note(f'{problem}; the teacher is the checkpoint before it.')
    return teacher


def open_folder(run: Run, described):
    """The run's folder, locked, with its description written into it."""
    from mnist_graph.training.run_folder import RunFolder

    if FLAGS.resume:
        return RunFolder.reopen(run.model_dir, described, FLAGS.keep_checkpoints)
    return RunFolder.create(run.model_dir, described, FLAGS.keep_checkpoints)


def resume_command(folder: str) -> str:
    """What to type to go on: with the flags that were given, but for those that the folder holds."""
    unsaved = ('keep_checkpoints', 'save_steps', 'display_step', 'tensorboard', 'checkpoint', 'image')
    given = [FLAGS[name].serialize() for name in unsaved if FLAGS[name].present]
    return shlex.join(['python', '-m', 'mnist_graph.main', '--resume', f'--model_dir={folder}', *given])


def read_image(mnist):
    """The picture to predict, as the network takes it: float32 [1, height, width, channels].

    Without --image that is test_img.png, if it is there to be read, or else the
    same picture drawn anew. None where the network reads no digits.

    Raises:
      ImageError: The picture that --image names cannot be read.
    """
    from mnist_graph import data, drawn
    from mnist_graph.pictures import extract

    spec = mnist.input_spec()
    if not FLAGS.image and not (mnist.reads_digits and data.look_like_digits(spec, mnist.class_names)):
        return None
    if FLAGS.image and not mnist.reads_digits:
        return extract.plain_resize(FLAGS.image, spec.height, spec.width, spec.channels)[None]
    try:
        digit = extract.picture_to_digit(FLAGS.image or 'test_img.png')
    except ImageError:
        if FLAGS.image:
            raise
        digit = extract.picture_to_digit(drawn.test_picture())
    return digit[None, :, :, None]


def run() -> None:
    """The console command `mnist-graph`."""
    process.run(main, define_flags)


if __name__ == '__main__':
    run()
