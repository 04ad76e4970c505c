"""Reads the digits in pictures.

    python -m mnist_graph.predict test_img.png photos/*.jpg some_folder/

The model is a folder that `mnist_graph.main` wrote, by default the newest; it
describes itself, so no flag says how it was built.
"""

import contextlib
import sys

from absl import flags

from mnist_graph import cli
from mnist_graph.errors import UsageError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Which model reads, how, and how its readings are written."""
    cli.define('trained_model_dir', 'checkpoint', 'num_threads')
    flags.DEFINE_enum('format', 'text', ['text', 'json', 'csv'], 'How the readings are written to standard output.')
    flags.DEFINE_enum('digits', 'auto', ['one', 'many', 'auto'],
                      'How many digits a picture holds; auto reads several where that is plain.')
    flags.DEFINE_integer('tta', 1, 'Slightly moved views of each picture to average over; 1 is the picture alone.',
                         lower_bound=1, upper_bound=9)
    flags.DEFINE_string('save_view', None, 'Picture file to write with what the network saw (needs matplotlib).')


def main(arguments) -> int:
    """Reads the pictures that the command line names; returns 1 if any could not be read."""
    if len(arguments) < 2:
        raise UsageError('No picture to read; name some, as in python -m mnist_graph.predict test_img.png')
    from mnist_graph import picture_stream, readings, saved_model
    if FLAGS.save_view:
        from mnist_graph import figures
        figures.check_can_write(FLAGS.save_view)
    found = saved_model.find(FLAGS.model_dir, FLAGS.checkpoint)
    class_names = found.descriptions[0].class_names
    paths, errors = picture_stream.find_files(arguments[1:])
    chunks = picture_stream.stream(paths, wanted_pictures(found.descriptions[0]), cli.n_threads())

    # Pictures are made ready before TensorFlow is imported, which takes seconds.
    writer = readings.Writer(FLAGS.format, class_names)
    n_bad, model, viewed = len(errors), None, []
    report(errors)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(progress_bar(len(paths)))
        write(writer.begin(), bar)
        for chunk in chunks:
            errors = [picture.error for picture in chunk if picture.error]
            good = [picture for picture in chunk if not picture.error]
            n_bad += len(errors)
            report(errors, bar)
            if good:
                model = model or stack.enter_context(load(found))
                read = read_pictures(model, good)
                write(writer.lines(read), bar)
                viewed += zip(good, read) if FLAGS.save_view and len(viewed) < figures.MOST_VIEWS else ()
            bar.update(len(chunk))
        write(writer.end(), bar)
    if viewed:
        figures.view(viewed, class_names, FLAGS.save_view)
        cli.note(f'What the network saw is in {FLAGS.save_view}')
    return 1 if n_bad else 0


def wanted_pictures(described):
    """What the model takes.

    Raises:
      UsageError: --digits=many, and the model reads no digits.
    """
    from mnist_graph.picture_stream import Wanted

    if FLAGS.digits == 'many' and not described.reads_digits:
        raise UsageError('--digits=many: this model reads whole pictures, not 28x28 digits; leave it out.')
    return Wanted(described.reads_digits, FLAGS.digits, *described.input_spec[:3])


def load(found):
    """The model, ready to read."""
    from mnist_graph import runtime, saved_model

    for problem in found.problems:
        cli.note(f'{problem}; using the checkpoint before it.')
    runtime.import_tensorflow()
    return saved_model.rebuild(found, cli.n_threads(), FLAGS.tta)


def read_pictures(model, pictures) -> list:
    """A Reading of each Prepared picture."""
    import numpy as np

    from mnist_graph.readings import reading_of

    probabilities = model.probabilities(np.concatenate([picture.images for picture in pictures]))
    ends = np.cumsum([len(picture.images) for picture in pictures])
    return [reading_of(picture.path, part, model.description.class_names)
            for picture, part in zip(pictures, np.split(probabilities, ends[:-1]))]


def progress_bar(n_pictures: int):
    """A bar on a terminal, if it takes long enough to need one."""
    from tqdm import tqdm

    from mnist_graph.picture_stream import CHUNK_SIZE

    return tqdm(total=n_pictures, unit=' pictures', leave=False,
                disable=n_pictures <= CHUNK_SIZE or not sys.stderr.isatty())


def write(text: str, bar) -> None:
    """Writes to standard output, above the bar; what its encoding lacks is escaped."""
    encoding = sys.stdout.encoding or 'utf-8'
    bar.write(text.encode(encoding, 'backslashreplace').decode(encoding), file=sys.stdout, end='')
    sys.stdout.flush()


def report(errors, bar=None) -> None:
    """Writes a line for each error to standard error, above the bar."""
    from mnist_graph.readings import printable

    for error in errors:
        if bar is None or bar.disable:
            cli.note(printable(error))
        else:
            bar.write(printable(error), file=sys.stderr)


def run() -> None:
    """The console command `mnist-graph-predict`."""
    cli.run(main, define_flags)


if __name__ == '__main__':
    run()
