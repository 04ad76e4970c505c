"""Reads the digits in pictures, or in tables with a picture in each row.

    python -m mnist_graph.predict test_img.png photos/*.jpg some_folder/
    python -m mnist_graph.predict test.csv --format=kaggle > submission.csv

The model is a folder that `mnist_graph.main` wrote, by default the newest, or the shipped reader
if you have no run yet. The folder describes the model, so no flag says how it was built.
"""

import contextlib
import itertools
import os
from typing import Any

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import common_flags, loading, process

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Which model reads, how, and how its readings are written."""
    from mnist_graph.cli.output import FORMATS

    common_flags.define('trained_model_dir', 'checkpoint')
    common_flags.define_enum(
        'digits',
        'auto',
        ('one', 'many', 'auto'),
        'one reads only the most conspicuous digit of a picture, many reads all. auto is many if the classes of the '
        'model are digits, and one if they are other 28x28 characters. Models of other pictures get the whole picture.',
    )
    common_flags.define('tta')
    common_flags.define_enum(
        'format',
        'text',
        FORMATS,
        'How the readings are written to standard output. kaggle is for a table of pictures, and writes ImageId and Label.',
    )
    flags.DEFINE_float(
        'min_probability',
        0.0,
        'Digits that are less probable than this are written as ?.',
        lower_bound=0.0,
        upper_bound=1.0,
    )
    common_flags.define_path('save_view', 'Picture file to write with what the network saw (extra: plots).')
    common_flags.define('num_threads')


def main(arguments) -> int:
    """Reads the pictures that the command line names; returns 1 if any could not be read or holds no digit."""
    if len(arguments) < 2:
        raise UsageError('No picture to read; name some, as in python -m mnist_graph.predict test_img.png')
    if FLAGS.save_view:
        from mnist_graph.plots import canvas

        canvas.check_can_write(FLAGS.save_view)

    # Everything that can fail quickly comes before TensorFlow, which takes seconds to import.
    from mnist_graph.base import picture_paths
    from mnist_graph.cli.output import ReadingsOutput

    tables = tables_among(arguments[1:])
    if tables:
        read_tables(tables, ReadingsOutput(FLAGS.format, 0))
        return 0
    paths, errors = picture_paths.find_files(arguments[1:])
    if FLAGS.save_view and os.path.realpath(FLAGS.save_view) in map(os.path.realpath, paths):
        raise UsageError(
            f'--save_view={FLAGS.save_view}: is a picture to be read, and would be lost; give another path.'
        )
    if any(path.lower().endswith(('.tif', '.tiff')) for path in paths):
        from mnist_graph.pictures import decode

        paths = decode.with_pages(paths)
    output = ReadingsOutput(FLAGS.format, len(paths))
    output.report(errors)
    if not paths:
        with output:
            return 1
    read_all(paths, output)
    return 1 if output.n_errors or output.n_empty else 0


def tables_among(paths) -> list[str]:
    """The paths if they are tables, or [] if they are pictures.

    Raises:
      UsageError: They are both, or a flag is given that is only for the other.
    """
    tables = [path for path in paths if path.lower().endswith(('.csv', '.csv.gz'))]
    if FLAGS.format == 'kaggle' and (len(tables) != 1 or len(paths) != 1):
        raise UsageError('--format=kaggle: is for one table of pictures; name that alone, as in test.csv.')
    if not tables:
        return []
    if len(tables) < len(paths):
        raise UsageError(f'{tables[0]}: is a table; read tables and pictures with a command each.')
    for name in ('digits', 'save_view'):
        if FLAGS[name].present:
            raise UsageError(f'--{name}={FLAGS[name].value}: is for pictures, not for tables; leave it out.')
    return tables


def read_tables(paths, output) -> None:
    """Reads tables with a picture in each row, piece by piece, and writes what was read.

    Args:
      paths: The files, at least one.
      output: An `output.ReadingsOutput`.
    """
    from mnist_graph.data import table_file
    from mnist_graph.models import saved_model
    from mnist_graph.models.readings import reading_of

    found = saved_model.find(FLAGS.model_dir, FLAGS.checkpoint, or_pretrained=True)
    height, width, channels = found.descriptions[0].input_spec[:3]
    streams = [table_file.stream_pictures(path, height, width, channels) for path in paths]
    first_pieces = [next(stream) for stream in streams]  # so that a bad table is answered before the model is loaded
    with loading.load_model(found, FLAGS.tta) as model, output:
        for path, first, rest in zip(paths, first_pieces, streams):
            row = itertools.count(1)
            for images in itertools.chain([first], rest):
                output.write(
                    [
                        reading_of(
                            f'{path}:{next(row)}',
                            each[None],
                            model.description.class_names,
                            min_probability=FLAGS.min_probability,
                        )
                        for each in model.probabilities(images)
                    ],
                    len(images),
                )


def read_all(paths, output) -> None:
    """Reads picture files chunk by chunk, and writes what was read.

    Args:
      paths: The files, at least one.
      output: An `output.ReadingsOutput`.
    """
    from mnist_graph.models import saved_model
    from mnist_graph.pictures import stream

    found = saved_model.find(FLAGS.model_dir, FLAGS.checkpoint, or_pretrained=True)
    models = loading.ReadingModels(found, FLAGS.tta)
    wanted = wanted_pictures(found.descriptions[0], models)
    pictures = stream.stream(paths, wanted, models.score if models.find_digits else None, common_flags.n_threads())
    viewed: list[tuple[Any, Any]] = []
    hints = DigitsHint()
    with models, contextlib.closing(pictures), output:
        for chunk in pictures:
            output.report([picture.error for picture in chunk if picture.error])
            good = [picture for picture in chunk if not picture.error]
            read = readings_of(models, good) if good else []
            output.write(read, len(chunk))
            hints.look_at(read)
            if FLAGS.save_view:
                from mnist_graph.plots import figures

                with_digits = [pair for pair in zip(good, read) if not pair[1].is_empty]
                viewed += with_digits[: figures.MOST_VIEWS - len(viewed)]
    if hints.message():
        output.note(hints.message())
    if viewed:
        n_drawn = figures.view(viewed, FLAGS.save_view)
        process.note(
            f'What the network saw is in {FLAGS.save_view}'
            + f' (the first {n_drawn} digits)' * (n_drawn == figures.MOST_VIEWS)
        )


class DigitsHint:
    """Remembers pictures in which two digits were found that may be the strokes of one, as in an open 4."""

    def __init__(self):
        self._n, self._first = 0, ''

    def look_at(self, readings) -> None:
        """Counts those of these readings that are of two digits."""
        for reading in readings if FLAGS.digits == 'auto' else []:
            if len(reading.probabilities) == 2:
                self._n += 1
                self._first = self._first or reading.path

    def message(self) -> str:
        """A line for the user; '' if there were none."""
        if not self._n:
            return ''
        others = f' and {self._n - 1} more' * (self._n > 1)
        look = '' if FLAGS.save_view else '; --save_view=seen.png draws what the network saw'
        return f'{self._first}{others}: two digits were found. If it is one, use --digits=one{look}.'


def wanted_pictures(described, models):
    """What the model takes.

    Raises:
      UsageError: --digits=many, and the model reads no digits, or other classes than the digits.
    """
    from mnist_graph.pictures.stream import Wanted

    if FLAGS.digits == 'many' and not described.reads_digits:
        raise UsageError('--digits=many: this model reads whole pictures, not 28x28 digits; leave it out.')
    if FLAGS.digits == 'many' and not models.find_digits:
        raise UsageError('--digits=many: this model has other classes than the digits 0 to 9; leave it out.')
    return Wanted(described.reads_digits, FLAGS.digits, *described.input_spec[:3])


def readings_of(models, pictures) -> list:
    """A Reading of each Prepared picture."""
    import numpy as np

    from mnist_graph.models.readings import reading_of

    probabilities = models.probabilities(pictures)
    ends = np.cumsum([len(picture.images) for picture in pictures])
    return [
        reading_of(
            picture.path,
            part,
            models.class_names,
            [len(row) for row in picture.page.rows] if picture.page else (),
            picture.page.left_out if picture.page else 0.0,
            FLAGS.min_probability,
        )
        for picture, part in zip(pictures, np.split(probabilities, ends[:-1]))
    ]


def console_main() -> None:
    """The console command `mnist-graph-predict`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
