"""Reads the digits in pictures.

    python -m mnist_graph.predict test_img.png photos/*.jpg some_folder/

The model is a folder that `mnist_graph.main` wrote, by default the newest; it
describes itself, so no flag says how it was built.
"""

import contextlib
import os
import sys

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import common_flags, process

FLAGS = flags.FLAGS
_WORTH_A_BAR = 256  # pictures


def define_flags() -> None:
    """Which model reads, how, and how its readings are written."""
    common_flags.define('trained_model_dir', 'checkpoint', 'num_threads')
    flags.DEFINE_enum('format', 'text', ['text', 'json', 'csv'], 'How the readings are written to standard output.')
    flags.DEFINE_enum(
        'digits',
        'auto',
        ['one', 'many', 'auto'],
        'How many digits a picture holds; auto and many read all rows, one the digit that stands out.',
    )
    flags.DEFINE_integer(
        'tta',
        1,
        'Slightly moved views of each picture to average over; 1 is the picture alone.',
        lower_bound=1,
        upper_bound=9,
    )
    flags.DEFINE_float(
        'min_probability', 0.0, 'Digits that are less likely are written as ?.', lower_bound=0.0, upper_bound=1.0
    )
    common_flags.define_path('save_view', 'Picture file to write with what the network saw (needs matplotlib).')


def main(arguments) -> int:
    """Reads the pictures that the command line names; returns 1 if any could not be read or holds no digit."""
    if len(arguments) < 2:
        raise UsageError('No picture to read; name some, as in python -m mnist_graph.predict test_img.png')
    if FLAGS.save_view:
        from mnist_graph.plots import canvas, figures

        canvas.check_can_write(FLAGS.save_view)

    # Everything that can fail quickly comes before TensorFlow, which takes seconds to import.
    from mnist_graph.pictures import picture_paths

    paths, errors = picture_paths.find_files(arguments[1:])
    if FLAGS.save_view and os.path.realpath(FLAGS.save_view) in map(os.path.realpath, paths):
        raise UsageError(
            f'--save_view={FLAGS.save_view}: is a picture to be read, and would be lost; give another path.'
        )
    output = Output(FLAGS.format, len(paths))
    output.report(errors)
    if not paths:
        with output:
            return 1
    from mnist_graph.models import saved_model
    from mnist_graph.pictures import stream

    found = saved_model.find(FLAGS.model_dir, FLAGS.checkpoint)
    if found.notice:
        process.note(found.notice)
    wanted = wanted_pictures(found.descriptions[0])

    viewed = []
    with Models(found) as models, output:
        score = models.score if models.can_find(wanted) else None
        for chunk in stream.stream(paths, wanted, score, common_flags.n_threads()):
            output.report([picture.error for picture in chunk if picture.error])
            good = [picture for picture in chunk if not picture.error]
            read = read_pictures(models, good) if good else []
            output.write(read, len(chunk))
            if FLAGS.save_view and len(viewed) < figures.MOST_VIEWS:
                viewed += [(picture, reading) for picture, reading in zip(good, read) if not reading.is_empty]
    if viewed:
        n_drawn = figures.view(viewed, FLAGS.save_view)
        process.note(
            f'What the network saw is in {FLAGS.save_view}'
            + f' (the first {n_drawn} digits)' * (n_drawn == figures.MOST_VIEWS)
        )
    return 1 if output.n_errors or output.n_empty else 0


def wanted_pictures(described):
    """What the model takes.

    Raises:
      UsageError: --digits=many, and the model reads no digits.
    """
    from mnist_graph.pictures.stream import Wanted

    if FLAGS.digits == 'many' and not described.reads_digits:
        raise UsageError('--digits=many: this model reads whole pictures, not 28x28 digits; leave it out.')
    return Wanted(described.reads_digits, FLAGS.digits, *described.input_spec[:3])


class Models(contextlib.ExitStack):
    """The model that reads, and the one that finds digits in pictures, each loaded when there is a picture for it.

    A model that was trained on digits alone cannot tell what is none; the
    reader that ships with the package then finds the digits that it reads.
    """

    def __init__(self, found):
        from mnist_graph.models import pretrained, saved_model

        super().__init__()
        self._found, self._reader, self._finder = found, None, None
        self._is_finder = found.finds_digits
        self._finder_found = None
        if not found.finds_digits and pretrained.is_there():
            self._finder_found = saved_model.find(pretrained.FOLDER)

    def can_find(self, wanted) -> bool:
        """Whether several digits can be looked for: the model reads digits, and there is one that can find them."""
        names = self._found.descriptions[0].class_names
        return wanted.as_digits and (
            self._is_finder or self._finder_found is not None and set(names) <= set('0123456789')
        )

    @property
    def reader(self):
        """The model that was asked for."""
        self._reader = self._reader or self.enter_context(load(self._found, FLAGS.tta))
        return self._reader

    def score(self, images):
        """float64 [n, classes], of float32 [n, 28, 28] images, for `stream.stream`."""
        if self._is_finder:
            return self.reader.probabilities(images[..., None])
        self._finder = self._finder or self.enter_context(load(self._finder_found, 1))
        return self._finder.probabilities(images[..., None])

    def probabilities(self, pictures):
        """float64 [digits, classes] of all digits in the Prepared pictures."""
        import numpy as np

        if self._is_finder and all(picture.page is not None for picture in pictures):
            scores = [digit.scores for picture in pictures for row in picture.page.rows for digit in row]
            return np.reshape(scores, (-1, len(self._found.descriptions[0].class_names)))
        return self.reader.probabilities(np.concatenate([picture.images for picture in pictures]))


def load(found, n_views: int):
    """A model, ready to read."""
    from mnist_graph.base import tensorflow
    from mnist_graph.models import saved_model
    from mnist_graph.training import cores

    for problem in found.problems:
        process.note(f'{problem}; using the checkpoint before it.')
    tensorflow.import_tensorflow()
    cores.share_cores(common_flags.n_threads())
    return saved_model.rebuild(found, common_flags.n_threads(), n_views)


def read_pictures(models: Models, pictures) -> list:
    """A Reading of each Prepared picture."""
    import numpy as np

    from mnist_graph.models.readings import reading_of

    probabilities = models.probabilities(pictures)
    ends = np.cumsum([len(picture.images) for picture in pictures])
    names = models.reader.description.class_names
    return [
        reading_of(
            picture.path,
            part,
            names,
            [len(row) for row in picture.page.rows] if picture.page else (),
            picture.page.left_out if picture.page else 0.0,
            FLAGS.min_probability,
        )
        for picture, part in zip(pictures, np.split(probabilities, ends[:-1]))
    ]


class Output:
    """Writes readings to standard output and errors to standard error, with a progress bar for many pictures.

    Attributes:
      n_errors: Errors reported so far.
      n_empty: Pictures so far that hold no digit.
    """

    def __init__(self, form: str, n_pictures: int):
        from mnist_graph.cli.output import Writer

        self.n_errors = self.n_empty = 0
        self._writer, self._bar = Writer(form), None
        if n_pictures > _WORTH_A_BAR and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=n_pictures, unit=' pictures', leave=False)

    def __enter__(self) -> 'Output':
        self._print(self._writer.begin())
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self._bar:
            self._bar.close()
        if kind is None:
            self._print(self._writer.end())

    def report(self, errors) -> None:
        """A line for each error."""
        from mnist_graph.cli.output import printable

        self.n_errors += len(errors)
        if self._bar:
            self._bar.clear()
        for error in errors:
            process.note(printable(error))

    def write(self, readings, n_done: int) -> None:
        """The readings among the next `n_done` pictures."""
        if self._bar:
            self._bar.clear()
        self.n_empty += sum(reading.is_empty for reading in readings)
        self._print(self._writer.lines(readings))
        if self._bar:
            self._bar.update(n_done)

    @staticmethod
    def _print(text: str) -> None:
        """Writes to standard output; what its encoding lacks is escaped."""
        encoding = sys.stdout.encoding or 'utf-8'
        sys.stdout.write(text.encode(encoding, 'backslashreplace').decode(encoding))
        sys.stdout.flush()


def run() -> None:
    """The console command `mnist-graph-predict`."""
    process.run(main, define_flags)


if __name__ == '__main__':
    run()
