"""Computes a part of a training that another machine leads; see docs/several-machines.md.

    python -m mnist_graph.worker --listen=10.0.0.2:2222

It waits until a training on another machine calls it, for example
`python -m mnist_graph.main --workers=10.0.0.1:2222,10.0.0.2:2222`. When that training has ended, it
waits for the next one.
"""

import os
import sys

from absl import flags

from mnist_graph.base.errors import MnistGraphError
from mnist_graph.cli import machines, process

FLAGS = flags.FLAGS
# Seconds that a worker waits for the training of the program that started it.
_WAIT_OF_ONE = 60.0


def define_flags() -> None:
    """Where to listen."""
    flags.DEFINE_string(
        'listen',
        None,
        'HOST:PORT of this machine to wait at for trainings; by default that of this worker in the environment variable '
        'TF_CONFIG, or else 127.0.0.1:2222, which only programs on this machine reach.',
    )
    flags.DEFINE_boolean('once', False, 'End after one training, or when none has begun within a minute.')
    machines.define_insecure_network()


def main(arguments) -> None:
    """Waits for a training and computes its part of it; then begins anew, since TensorFlow's server cannot be stopped."""
    process.no_arguments(arguments)
    from mnist_graph.base import tensorflow
    from mnist_graph.cluster import addresses, runtime

    address = FLAGS.listen or machines.own_address()
    addresses.refuse_public(address, FLAGS.insecure_network)
    addresses.listen(address).close()  # a fault is told before the import, but a call answered after it
    tensorflow.import_tensorflow()
    with addresses.listen(address) as listener:
        listener.settimeout(_WAIT_OF_ONE if FLAGS.once else None)
        host, port = listener.getsockname()
        print(f'Waiting for a training at {host}:{port}', flush=True)
        try:
            line, order = runtime.await_order(listener)
        except TimeoutError:
            raise MnistGraphError(
                f'{host}:{port}: no training has begun within {_WAIT_OF_ONE:g} seconds; leave out --once to wait on.'
            ) from None
    server = runtime.start_server(order)
    print(f'Worker {order.task} of {len(order.workers)} in the training of {order.workers[0]}', flush=True)
    ending = runtime.watch(line, order.timeout)
    print(f'{order.workers[0]} {ending}', flush=True)
    del server
    if not FLAGS.once:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], f'--listen={address.rpartition(":")[0]}:{port}'])


def console_main() -> None:
    """The console command `mnist-graph-worker`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
