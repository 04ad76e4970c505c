"""Trains a network on handwritten digits (MNIST), tests it, and predicts a picture.

    python -m mnist_graph.main --learning_rate=1e-4 --n_iterations=1000

Read `main` below from top to bottom: it does one step after another. `graph.py`
says what the graph looks like, and `train.py` how it is trained.
"""

import contextlib
import dataclasses

from absl import flags

from mnist_graph.cli import common_flags, loading, process, training_job

FLAGS = flags.FLAGS


def define_flags() -> None:
    """The hyperparameters, and how this run is to be done."""
    common_flags.define_hparams()
    common_flags.define('dataset', 'data_dir', 'pictures', 'skip_bad_pictures', 'model_dir')
    flags.DEFINE_boolean('resume', False, 'Continue the run in --model_dir (by default the newest) where it stopped.')
    common_flags.define_path(
        'teacher_model_dir',
        'Folder of the trained model to learn from with --distillation_temperature. Its last checkpoint is used. Several '
        'folders, separated by commas, are averaged.',
    )
    common_flags.define_path('image', 'Picture to predict at the end; by default test_img.png.')
    flags.DEFINE_integer('display_step', 100, 'Steps from one printed line to the next.', lower_bound=1)
    flags.DEFINE_integer(
        'save_steps', 1000, 'Steps from one checkpoint to the next; one is also saved every 30 seconds.', lower_bound=1
    )
    flags.DEFINE_integer('keep_checkpoints', 3, 'How many of the newest checkpoints to keep.', lower_bound=1)
    common_flags.define('checkpoint', 'num_threads')
    flags.DEFINE_boolean('tensorboard', True, "Write event files for TensorBoard into the run's folder.")


def main(arguments) -> int:
    """Loads, builds, trains, tests and predicts as the flags say; returns the exit code."""
    process.no_arguments(arguments)
    job = training_job.from_flags()

    # Load the data set, and the picture to predict at the end.
    dataset = loading.load_data(job.dataset, job.data_dir, job.n_validation, job.pictures)
    hparams = dataclasses.replace(job.hparams, n_validation=len(dataset.validation))
    from mnist_graph import train
    from mnist_graph.models import readings

    n_steps = hparams.total_steps(len(dataset.train))
    picture = readings.picture_to_predict(dataset, FLAGS.image)

    # Build the graph. TensorFlow takes seconds to import, so not before it is needed.
    from mnist_graph.base import tensorflow

    tf = tensorflow.import_tensorflow()
    from mnist_graph import graph
    from mnist_graph.cli.printer import TrainingPrinter
    from mnist_graph.training import cores, description, evaluation
    from mnist_graph.training.event_files import EventFiles

    n_threads, n_towers = job.n_threads, cores.share_cores(job.n_threads, hparams)
    teacher = job.load_teacher(dataset)
    described = description.describe(
        hparams, dataset, job.dataset, job.data_dir, n_threads, tf.__version__, teacher, n_towers
    )
    network = graph.build(
        hparams, described.input_spec, n_steps, n_towers, fed_step=False, teacher=teacher and teacher.logits
    )

    with job.open_folder(described) as folder, cores.open_session(network, n_threads, n_towers) as sess:
        # Train.
        progress, problems = folder.attach(network, sess)
        for problem in problems:
            process.note(f'{problem}; going on from step {progress.step}.')
        print(training_job.opening(hparams, dataset, network, n_steps))
        if FLAGS.resume:
            print(training_job.where_it_goes_on(hparams, progress, n_steps))
        with contextlib.ExitStack() as stack:
            stop = stack.enter_context(process.StopRequest().listening())
            printer = stack.enter_context(TrainingPrinter(progress.step, n_steps))
            monitors = [folder, printer]
            if FLAGS.tensorboard:
                monitors.append(stack.enter_context(EventFiles(folder.path, network, sess, hparams, progress.step)))
            result = train.train(
                network,
                sess,
                hparams,
                dataset,
                start=progress,
                monitors=monitors,
                display_step=FLAGS.display_step,
                save_steps=FLAGS.save_steps,
                should_stop=lambda: stop or printer.error,
                n_threads=n_threads,
            )
        if not result.finished:
            process.note(
                f'Stopped after step {result.progress.step}, which is saved; '
                f'go on with {training_job.resume_command(folder.path)}'
            )
            if printer.error:
                raise printer.error
            return 128 + stop.signal
        if result.stopped_early:
            print(
                f'Stopped early after step {result.progress.step}: the best validation accuracy was '
                f'{result.progress.best_accuracy:.4f} at step {result.progress.best_step}.'
            )

        # Test, on every picture.
        where = '' if dataset.name == 'mnist' else f' ({dataset.name})'
        validation = result.validation
        if FLAGS.checkpoint == 'best' and len(dataset.validation):
            folder.restore_best(sess)
            validation = evaluation.evaluate(network, sess, dataset.validation, n_threads)
        if validation and validation.n:
            print(f'Accuracy on validation set{where}: {validation.accuracy:.4f}')
        test = evaluation.evaluate(network, sess, dataset.test, n_threads)
        print(f'Accuracy on test set{where}: {test.accuracy:.4f}')

        # Predict.
        if picture is not None:
            probabilities = evaluation.softmax(evaluation.logits(network, sess, picture))
            reading = readings.reading_of('', probabilities, dataset.class_names)
            print(f'Prediction for test image{where}: {reading.text} (probability {reading.probability:.3f})')
        print(f'The model is in {folder.path}')
    return 0


def console_main() -> None:
    """The console command `mnist-graph`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
