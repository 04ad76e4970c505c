"""Shows pictures of a data set, with their labels.

    python -m mnist_graph.show --split=train --index=0
    python -m mnist_graph.show --n=100 --output=grid.png

As characters in the terminal, or as a picture file.
"""

import shutil
import sys

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import common_flags, loading, process

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Which pictures are shown, and how."""
    common_flags.define('dataset', 'data_dir', 'pictures', 'skip_bad_pictures')
    common_flags.define_enum('split', 'train', ('train', 'validation', 'test'), 'Which part of the data set.')
    flags.DEFINE_integer('index', 0, 'Number of the first picture, counting from 0.', lower_bound=0)
    flags.DEFINE_integer('n', 1, 'How many pictures to show.', lower_bound=1)
    flags.DEFINE_integer(
        'n_validation',
        None,
        'Training pictures held out for validation, the first so many; by default as many as in a training.',
        lower_bound=0,
    )
    common_flags.define_path('output', 'Picture file to write, instead of characters in the terminal.')


def main(arguments) -> int:
    """Shows the pictures that the flags name; returns the exit code."""
    process.no_arguments(arguments)
    from mnist_graph.plots import grids

    if FLAGS.output:
        grids.check_can_save(FLAGS.output)
    dataset = loading.load_data(FLAGS.dataset, FLAGS.data_dir, FLAGS.n_validation)
    split = chosen(getattr(dataset, FLAGS.split))
    names = [dataset.class_names[label] for label in split.labels]
    if FLAGS.output:
        titles = [f'{FLAGS.split} {FLAGS.index}: {names[0]}'] if FLAGS.n == 1 else names
        grids.save(grids.as_picture(split.images, titles), FLAGS.output)
        print(f'{FLAGS.n} picture{"s" * (FLAGS.n > 1)} of the {FLAGS.split} set of {dataset.name} in {FLAGS.output}')
    else:
        titles = [f'{FLAGS.split} {FLAGS.index + offset}: {name}' for offset, name in enumerate(names)]
        width = shutil.get_terminal_size((80, 24)).columns
        print(grids.as_text(split.images, titles, width, unicode=shows_blocks()))
    return 0


def chosen(split):
    """The pictures from --index on.

    Raises:
      UsageError: There are not so many.
    """
    if not len(split):
        raise UsageError(f'--split={FLAGS.split}: is empty; give a larger --n_validation, or another --split.')
    end = FLAGS.index + FLAGS.n
    if end > len(split):
        asked = f'--index={FLAGS.index}' + f' --n={FLAGS.n}' * (FLAGS.n > 1)
        raise UsageError(f'{asked}: the {FLAGS.split} set has {len(split)} pictures, counting from 0.')
    return split[FLAGS.index : end]


def shows_blocks() -> bool:
    """Whether standard output's encoding has block and braille characters."""
    try:
        '█⣿'.encode(sys.stdout.encoding or 'ascii')
    except UnicodeEncodeError:
        return False
    return True


def console_main() -> None:
    """The console command `mnist-graph-show`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
