"""Measures a trained model on every picture of a test set, or of a folder of labelled pictures.

    python -m mnist_graph.evaluate --report_dir=report

By default it measures your newest run, or the shipped reader if you have no run yet, on the test
set of the data that the model was trained on.
"""

import functools
import os
import sys

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import common_flags, loading, process

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Which model is measured, on what, and where the pictures of the result go."""
    common_flags.define('trained_model_dir', 'checkpoint')
    common_flags.define('trained_dataset', 'trained_data_dir', 'pictures', 'skip_bad_pictures')
    common_flags.define_enum('split', 'test', ('validation', 'test'), 'Which part of the data set to measure on.')
    common_flags.define('tta')
    common_flags.define_path('report_dir', 'Folder to write pictures of the result into (extra: plots).')
    common_flags.define('num_threads')


def main(arguments) -> int:
    """Prints how good the model is; returns the exit code."""
    process.no_arguments(arguments)
    from mnist_graph.models import report, saved_model

    if FLAGS.report_dir:
        from mnist_graph.plots import canvas

        canvas.check_can_write_into(FLAGS.report_dir)
    found = saved_model.find(FLAGS.model_dir, FLAGS.checkpoint, or_pretrained=True)
    name, split = load_labelled(found) or load_data(found)
    with loading.load_model(found, FLAGS.tta) as model:
        probabilities = model.probabilities(split.images, progress)
        first_layer = model.first_layer() if FLAGS.report_dir else None
    result = report.make(probabilities, split.labels, found.descriptions[0].class_names)

    where = f'{FLAGS.split} set' + ('' if name == 'mnist' else f' ({name})') if name else FLAGS.data_dir
    print(
        f'Accuracy on {where}: {result.accuracy:.4f} '
        f'(95% interval {result.interval[0]:.4f} to {result.interval[1]:.4f}, {result.n} pictures)'
    )
    print(f'Loss: {result.loss:.4f}')
    print(f'Calibration error: {result.calibration_error:.4f}')
    print(f'\n{report.class_table(result)}\n\n{report.confusion_table(result)}')
    if FLAGS.report_dir:
        draw(result, where if name else f'folder {where}', probabilities, split, first_layer, found.folders)
    return 0


def load_labelled(found):
    """('', all labelled pictures of --data_dir), a `data.Split`; None if there are none, or a data set is asked for.

    A data set is asked for by --dataset or --split, or by the folder that the model was trained on.
    """
    from mnist_graph.data import labelled
    from mnist_graph.data.raw_data import ReadOptions

    described = found.descriptions[0]
    folder = FLAGS.data_dir or ''
    if not folder or FLAGS['dataset'].present or FLAGS['split'].present:
        return None
    if described.data_dir and os.path.realpath(folder) == os.path.realpath(described.data_dir):
        return None
    pictures = labelled.find(folder, described.class_names)
    if not pictures:
        return None
    how = FLAGS.pictures if FLAGS['pictures'].present else 'digits' if described.reads_digits else 'raw'
    split, notices = labelled.read(folder, pictures, ReadOptions(how, FLAGS.skip_bad_pictures))
    for notice in notices:
        process.note(notice)
    found.check_shape(split.images.shape[1:], folder)
    return '', split


def load_data(found):
    """(name of the data set, its asked-for split).

    A data set given by flags is split as the models' were, so that validation
    pictures are none that any of them was trained on.

    Raises:
      DataError: The data set is gone, or its pictures or classes are not those of the model.
      UsageError: The split is empty.
    """
    dataset = loading.load_measured_data(found)
    if FLAGS.split == 'test':
        return dataset.name, found.with_its_labels(dataset, dataset.test)
    n_validation, folder = min(
        (each.hparams.n_validation, folder) for each, folder in zip(found.descriptions, found.folders)
    )
    if n_validation == 0:
        raise UsageError(
            f'--split=validation: {folder} was trained with --n_validation=0, so that is empty; use --split=test.'
        )
    if n_validation > len(dataset.train):
        raise UsageError(
            f'--split=validation: {folder} was trained with --n_validation={n_validation}, but '
            f'{dataset.name} has only {len(dataset.train)} such pictures; use --split=test.'
        )
    return dataset.name, found.with_its_labels(dataset, dataset.train[:n_validation])


def progress(batches, total):
    """A bar over the batches, on a terminal."""
    from tqdm import tqdm

    return tqdm(batches, total=total, unit=' batches', leave=False, disable=not sys.stderr.isatty())


def draw(result, where, probabilities, split, first_layer, folders) -> None:
    """Writes the plots of the report. Those of one model are of the first, and name its folder if there are several."""
    from mnist_graph.models import report
    from mnist_graph.plots import figures
    from mnist_graph.training import metrics

    path = functools.partial(os.path.join, FLAGS.report_dir)
    figures.confusion_matrix(result, where, path('confusion_matrix.png'))
    worst = report.worst_mistakes(probabilities, split.labels, figures.MOST_MISTAKES)
    if len(worst):
        figures.worst_mistakes(
            split[worst], probabilities[worst], result.class_names, where, path('worst_mistakes.png')
        )
    model = folders[0] if len(folders) > 1 else ''
    figures.first_layer(first_layer, path('first_layer.png'), model)
    curves = metrics.read(folders[0])
    if curves:
        figures.training_curves(curves, path('training_curves.png'), model)
    print(f'\nThe pictures are in {FLAGS.report_dir}')


def console_main() -> None:
    """The console command `mnist-graph-evaluate`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
