"""Trains a network on handwritten digits (MNIST), tests it, and predicts a picture.

    python -m mnist_graph.main --learning_rate=1e-4 --n_iterations=1000

The model is then in a new folder in runs/. `python -m mnist_graph.predict` reads pictures with it.
"""

# Read `main` from top to bottom: it does one step after another. `graph.py` says what the graph looks like, and `train.py`
# how it is trained.

import contextlib
import dataclasses
import functools

from absl import flags

from mnist_graph.cli import common_flags, loading, machines, process, training_job

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines the flags: the hyperparameters, and those that say how to run."""
    common_flags.define_hparams()
    common_flags.define('dataset', 'data_dir', 'pictures', 'skip_bad_pictures', 'model_dir')
    flags.DEFINE_boolean('resume', False, 'Continue the run in --model_dir (by default the newest) where it stopped.')
    common_flags.define_path(
        'teacher_model_dir',
        'Folder of a trained model, the teacher, to learn from; --distillation_temperature must be above 0. The last '
        'checkpoint is used. To average several teachers, separate their folders by commas.',
    )
    common_flags.define_path(
        'image', 'Picture to predict at the end; by default test_img.png, or a drawn digit if there is none.'
    )
    flags.DEFINE_integer('display_step', 100, 'Steps from one printed line to the next.', lower_bound=1)
    flags.DEFINE_integer(
        'save_steps', 1000, 'Steps from one checkpoint to the next; one is also saved every 30 seconds.', lower_bound=1
    )
    flags.DEFINE_integer('keep_checkpoints', 3, 'How many of the newest checkpoints to keep.', lower_bound=1)
    common_flags.define('tested_checkpoint', 'tta', 'num_threads')
    flags.DEFINE_boolean('tensorboard', True, "Write event files for TensorBoard into the run's folder.")
    machines.define_flags()


def main(arguments) -> int:
    """Loads, builds, trains, tests and predicts as the flags say; returns the exit code."""
    process.no_arguments(arguments)
    job = training_job.from_flags()

    dataset = loading.load_data(job.dataset, job.data_dir, job.n_validation, job.pictures)
    # By default n_validation depends on the data; from here on, and in hparams.json, it is the true number.
    job = job._replace(hparams=dataclasses.replace(job.hparams, n_validation=len(dataset.validation)))
    from mnist_graph.models import readings

    picture = readings.picture_to_predict(dataset, FLAGS.image)

    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(job.open_cluster())
        network, described = build_network(job, dataset, cluster)
        views = stack.enter_context(job.open_views(described))  # for the test; None without --tta
        folder = stack.enter_context(job.open_folder(described))
        if cluster:  # what to do when a worker is lost, now that there is a run to resume
            cluster.lost = functools.partial(machines.begin_again, folder.path)
        sess = stack.enter_context(open_session(job, network, described, cluster))
        result, exit_code = train_network(job, dataset, described, network, sess, folder)
        if not result.finished:
            return exit_code
        test_network(job, dataset, network, sess, views, folder, result)
        if picture is not None:
            predict_picture(picture, dataset, network, sess, views)
        print(f'The model is in {folder.path}')
    return 0


def open_session(job, network, described, cluster):
    """Opens a session for the network; on several machines, the `runtime.Cluster` opens it."""
    from mnist_graph.training import cores

    if cluster:
        return cluster.open_session(network)
    return cores.open_session(network, job.n_threads, described.trained_with[-1].n_towers)


def build_network(job, dataset, cluster=None):
    """Returns the `graph.Network` to train, and the `description.Description` that is saved beside it."""
    from mnist_graph.base import tensorflow

    tf = tensorflow.import_tensorflow()  # takes seconds, so it is done after the data was loaded
    from mnist_graph import graph
    from mnist_graph.training import cores, description

    hparams, n_towers = job.hparams, cores.share_cores(job.n_threads, job.hparams, job.n_towers)
    teacher = job.load_teacher(dataset)
    described = description.describe(
        hparams, dataset, job.dataset, job.data_dir, job.n_threads, tf.__version__, teacher, n_towers
    )
    n_steps = hparams.total_steps(len(dataset.train))
    learns_from = teacher.logits if teacher else None
    described = described._replace(input_spec=job.input_spec(described))
    placement = graph.Placement(*cluster.devices(n_towers, FLAGS.ps_tasks)) if cluster else None
    # `network.loop` trains, so `train_step`, which is for feeding by hand, is not needed.
    network = graph.build(
        hparams, described.input_spec, n_steps, n_towers, fed_step=False, teacher=learns_from, placement=placement
    )
    return network, described


def train_network(job, dataset, described, network, sess, folder):
    """Trains from the start, or from where the run in the folder stopped.

    Returns:
      The `train.Result`, and, of use only if a signal stopped the training, the exit code: 128 plus its number.
    """
    from mnist_graph import train
    from mnist_graph.cli.printer import TrainingPrinter
    from mnist_graph.training.event_files import EventFiles

    n_steps = job.hparams.total_steps(len(dataset.train))
    progress, problems = folder.attach(network, sess)
    job.start_from(network, sess, described, folder, progress)
    for problem in problems:
        process.note(f'{problem}; going on from step {progress.step}.')
    print(training_job.opening(job.hparams, dataset, network, n_steps))
    if FLAGS.resume:
        print(training_job.where_it_goes_on(job.hparams, progress, n_steps))
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(process.StopRequest().listening())
        printer = stack.enter_context(TrainingPrinter(progress.step, n_steps))
        monitors = [folder, printer]
        if FLAGS.tensorboard:
            monitors.append(stack.enter_context(EventFiles(folder.path, network, sess, job.hparams, progress.step)))
        result = train.train(
            network,
            sess,
            job.hparams,
            dataset,
            start=progress,
            monitors=monitors,
            display_step=FLAGS.display_step,
            save_steps=FLAGS.save_steps,
            should_stop=lambda: stop or printer.error,
            n_threads=job.n_threads,
        )
    if ending := training_job.ending(result, folder.path):
        (print if result.finished else process.note)(ending)
    if printer.error and not result.finished:
        raise printer.error
    return result, 128 + stop.signal


def test_network(job, dataset, network, sess, views, folder, result) -> None:
    """Measures the network on every validation and test picture, or with --tta several views of each."""
    from mnist_graph.training import evaluation

    validation = None if views else result.validation  # the training measured the pictures alone, without views
    if FLAGS.checkpoint == 'best' and len(dataset.validation):
        folder.restore_best(sess)
        validation = None
    if len(dataset.validation):
        if validation is None:
            validation = evaluation.evaluate(network, sess, dataset.validation, job.n_threads, views)
        print(f'Accuracy on validation set{dataset.suffix}: {validation.accuracy:.4f}')
    test = evaluation.evaluate(network, sess, dataset.test, job.n_threads, views)
    print(f'Accuracy on test set{dataset.suffix}: {test.accuracy:.4f}')


def predict_picture(picture, dataset, network, sess, views) -> None:
    """Reads the picture, float32 [1, height, width, channels] in [0, 1], or the views of it."""
    from mnist_graph.models import readings
    from mnist_graph.training import evaluation

    probabilities = evaluation.probabilities(network, sess, picture, views=views)
    reading = readings.reading_of('', probabilities, dataset.class_names)
    print(f'Prediction for test image{dataset.suffix}: {reading.text} (probability {reading.probability:.3f})')


def console_main() -> None:
    """The console command `mnist-graph`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
