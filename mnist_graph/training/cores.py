"""Sharing the processor's cores between a training's towers, its operations and its session."""

import contextlib

from mnist_graph.hparams import HParams

_MIN_ROWS_PER_TOWER = 32
_LARGEST_SPLIT_BATCH = 256
_WIDEST_SPLIT_LAYER = 1024


def share_cores(n_threads: int, hparams: HParams | None = None, n_towers: int = 0) -> int:
    """Divides cores among the towers of a training and the operations in them; returns the number of towers.

    There is a tower for each core, but no more than leave each enough rows of
    the batch for a matrix product to be worth its while. There is only one tower
    for large batches, wide layers (whose gradients each tower would make anew)
    and convolutions, where TensorFlow's operations share the cores as well by
    themselves; with batch normalization, which would use the moments of each
    part instead of those of the whole batch; and on a GPU.

    Call this before the first graph is built. TensorFlow makes the threads inside
    operations once in a process, when the first loop is built; a later call
    changes nothing about them and is no error.

    Args:
      n_threads: Cores to use.
      hparams: What is to be trained; None if nothing is.
      n_towers: The number of towers, if it is given; 0 leaves it to this function.
    """
    import tensorflow.compat.v1 as tf

    if (
        hparams
        and not n_towers
        and hparams.batch_size <= _LARGEST_SPLIT_BATCH
        and hparams.model == 'mlp'
        and not hparams.batch_norm
        and max(hparams.hidden_units, default=0) <= _WIDEST_SPLIT_LAYER
        and not tf.config.list_physical_devices('GPU')
    ):
        n_towers = max(1, min(n_threads, hparams.batch_size // _MIN_ROWS_PER_TOWER))
    n_towers = n_towers or 1
    with contextlib.suppress(RuntimeError):  # the threads are there already
        tf.config.threading.set_intra_op_parallelism_threads(max(1, n_threads // n_towers))
    return n_towers


def open_session(network, n_threads: int, n_towers: int = 1):
    """A tf.Session on the network's graph, as a context manager.

    Args:
      network: A `graph.Network`.
      n_threads: Operations to run at a time.
      n_towers: As `share_cores` said, whose threads each operation has.
    """
    import tensorflow.compat.v1 as tf

    return tf.Session(graph=network.graph, config=session_config(max(1, n_threads // n_towers), n_threads))


def session_config(threads_within: int, threads: int):
    """A tf.ConfigProto for so many threads within each operation, and so many operations at a time."""
    import tensorflow.compat.v1 as tf

    config = tf.ConfigProto(intra_op_parallelism_threads=threads_within, inter_op_parallelism_threads=threads)
    config.gpu_options.allow_growth = True
    # Grappler, which rewrites graphs before they run, takes a twentieth to a
    # quarter of a second for each new set of fetches and makes these graphs no
    # faster on processors. On a GPU it also lays convolutions out anew.
    config.graph_options.rewrite_options.disable_meta_optimizer = not tf.config.list_physical_devices('GPU')
    return config
