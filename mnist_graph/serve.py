"""Serves a page to draw digits on, and reads pictures for programs. This needs the extra `serve`.

    python -m mnist_graph.serve --model_dir=runs/a --model_dir=runs/b --port=8080

Without --model_dir it serves your newest run, or the shipped reader if you have no run yet.
"""

import importlib.util

from absl import flags

from mnist_graph.base import extras
from mnist_graph.base.errors import UsageError
from mnist_graph.cli import common_flags, process

FLAGS = flags.FLAGS
_NEEDED = ('fastapi', 'uvicorn', 'python_multipart', 'prometheus_client')


def define_flags() -> None:
    """Which models are served, where, and where corrections go."""
    common_flags.define('served_model_dir')
    flags.DEFINE_integer('port', 8080, 'Port to listen on; 0 takes one that is free.', lower_bound=0, upper_bound=65535)
    flags.DEFINE_string('host', '127.0.0.1', 'Address to listen on. With the default, only this machine can connect.')
    common_flags.define_path(
        'corrections_dir', 'Folder to save corrections from the page into; without this flag, none is saved.'
    )
    common_flags.define('num_threads')


def main(arguments) -> int:
    """Serves until it is stopped; returns the exit code."""
    process.no_arguments(arguments)
    if missing := [name for name in _NEEDED if not importlib.util.find_spec(name)]:
        raise UsageError(f'{missing[0]} is not installed; install it with {extras.install_command("serve")}.')
    from mnist_graph.serving import catalogue, server
    from mnist_graph.serving.corrections import Corrections

    models = catalogue.find(FLAGS.model_dir)
    corrections = Corrections(FLAGS.corrections_dir) if FLAGS.corrections_dir else None
    listener = server.listen(FLAGS.host, FLAGS.port)
    for found in models.values():
        for notice in (found.notice, *found.problems, found.summary()):
            process.note(notice) if notice else None
    if not server.is_local(FLAGS.host):
        process.note(
            f'--host={FLAGS.host}: everyone who reaches this machine can use the server; nothing is asked of them.'
        )
    settings = server.Settings(FLAGS.host, FLAGS.port, common_flags.n_threads())
    address = server.address_of(FLAGS.host, listener)
    server.run(listener, models, settings, corrections, lambda: print(f'Serving at {address}', flush=True))
    return 0


def console_main() -> None:
    """The console command `mnist-graph-serve`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
