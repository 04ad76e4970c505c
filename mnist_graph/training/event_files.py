"""A run as TensorBoard (`tensorboard --logdir=runs`) shows it: curves, graph, histograms, misread digits, hyperparameters."""

import contextlib
import io
import math
import os
import platform
import re
import time
from collections.abc import Iterator

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError
from mnist_graph.data import Split
from mnist_graph.hparams import HParams
from mnist_graph.training.monitor import Monitor

_PREFIX = 'events.out.tfevents'
# What TensorBoard expects in the first record.
_FILE_VERSION = 'brain.Event:2'
_N_MISREAD = 25
_HPARAMS_PLUGIN = 'hparams'
_SESSION_START_FIELD = b'\x1a'  # field 3, a message, of HParamsPluginData


class EventWriter:
    """An event file of one run, begun with its hyperparameters.

    Args:
      folder: Where to write; made if need be.
      graph: The tf.Graph that is trained; shown in the Graphs tab unless the run goes on.
      hparams: For the HParams tab.
      step: Where training begins. Later steps in earlier event files of the
        folder are marked as replaced.
      show_graph: Whether a new run's graph is written.

    tf.summary.FileWriter would write in a thread of its own, where an error is
    a traceback; this writes the same records at once.

    Raises:
      CheckpointError: The file cannot be written; also of all methods.
    """

    def __init__(self, folder: str, graph, hparams: HParams, step: int = 0, show_graph: bool = True):
        folder = os.path.abspath(folder)  # TensorFlow looks for it again later, from whatever working directory
        host = re.sub(r'[^\w.-]', '_', platform.node()) or 'localhost'
        self._path = os.path.join(folder, f'{_PREFIX}.{time.time():.6f}.{host}')
        with self._explained():
            os.makedirs(folder, exist_ok=True)
            has_earlier = any(name.startswith(_PREFIX) for name in os.listdir(folder))
            self._file = tf.io.TFRecordWriter(self._path)
        self._write(file_version=_FILE_VERSION)
        if show_graph and not step:
            self._write(graph_def=graph.as_graph_def(add_shapes=True).SerializeToString())
        if has_earlier:
            self._write(step=step + 1, session_log=tf.SessionLog(status=tf.SessionLog.START))
        if not step:
            self.add(0, hparams_summary(hparams))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what TensorFlow and the system raise about the file into one line for the user."""
        try:
            yield
        except (OSError, tf.errors.OpError, RuntimeError, IndexError) as error:
            lines = str(error).splitlines() or [type(error).__name__]
            reason = error.strerror if isinstance(error, OSError) else lines[0].split('; ')[-1]
            raise CheckpointError(
                f'{files.relative(self._path)}: cannot be written ({reason}); free some space or mend the folder, or '
                f'go on with --notensorboard.'
            ) from None

    def _write(self, **fields) -> None:
        with self._explained():
            self._file.write(tf.Event(wall_time=time.time(), **fields).SerializeToString())

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds one point to each curve."""
        self.add(
            step, tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
        )

    def add(self, step: int, summary) -> None:
        """Adds a tf.Summary, or the bytes of one."""
        self._write(step=step, summary=tf.Summary.FromString(summary) if isinstance(summary, bytes) else summary)

    def flush(self) -> None:
        """Makes TensorBoard see what was added."""
        with self._explained():
            self._file.flush()

    def close(self) -> None:
        """Writes what is left and closes the file."""
        with self._explained():
            self._file.close()


class EventFiles(Monitor):
    """Records a whole training in an event file in its run's folder; a context manager.

    Args:
      folder: Where to write.
      network: The `graph.Network` that is trained.
      sess: Its session.
      hparams: For the HParams tab.
      step: Where training begins.
    """

    def __init__(self, folder: str, network, sess, hparams: HParams, step: int):
        self._sess, self._step, self._time = sess, step, time.perf_counter()
        with network.graph.as_default(), tf.name_scope('histograms'):
            variables = {
                **{f'weights/{name}': value for name, value in network.weights.items()},
                **{f'biases/{name}': value for name, value in network.biases.items()},
            }
            self._histograms = tf.summary.merge(
                [tf.summary.histogram(name, value, collections=[]) for name, value in variables.items()], collections=[]
            )
        self._writer = EventWriter(folder, network.graph, hparams, step)

    def __enter__(self) -> 'EventFiles':
        return self

    def __exit__(self, kind, error, traceback) -> None:
        # What ended the training, a full disk perhaps, may keep these from being written, too.
        with contextlib.suppress(Exception) if error else contextlib.nullcontext():
            self._writer.close()

    def on_display(self, step, loss, accuracy, learning_rate):
        now = time.perf_counter()
        self._writer.scalars(
            step,
            {
                'train/loss': loss,
                'train/accuracy': accuracy,
                'learning_rate': learning_rate,
                'steps_per_second': (step - self._step) / (now - self._time),
            },
        )
        self._step, self._time = step, now

    def on_validation(self, progress, metrics, is_best):
        self._writer.scalars(progress.step, {'validation/loss': metrics.loss, 'validation/accuracy': metrics.accuracy})

    def on_save(self, progress):
        self._writer.add(progress.step, self._sess.run(self._histograms))
        self._writer.flush()

    def on_end(self, progress, validation: Split, logits):
        wrong = np.flatnonzero(logits.argmax(axis=1) != validation.labels)[:_N_MISREAD]
        if len(wrong):
            sheet = _sheet(validation.images[wrong])
            image = tf.Summary.Image(
                height=sheet.shape[0], width=sheet.shape[1], colorspace=sheet.shape[2], encoded_image_string=_png(sheet)
            )
            self._writer.add(
                progress.step, tf.Summary(value=[tf.Summary.Value(tag='misread_validation_digits', image=image)])
            )


def hparams_summary(hparams: HParams) -> tf.Summary:
    """The record from which TensorBoard's HParams tab takes a run's hyperparameters.

    The tab reads a HParamsPluginData message, which TensorBoard defines and
    TensorFlow lacks. Its SessionStartInfo begins with a map of names to values,
    which is all that a google.protobuf.Struct is, and so the two have the same
    bytes.
    """
    from google.protobuf import struct_pb2

    values = struct_pb2.Struct()
    values.update(
        {
            name: ','.join(map(str, value)) if isinstance(value, list) else value
            for name, value in hparams.to_dict().items()
        }
    )
    start = values.SerializeToString()
    metadata = tf.SummaryMetadata(
        plugin_data=tf.SummaryMetadata.PluginData(
            plugin_name=_HPARAMS_PLUGIN, content=_SESSION_START_FIELD + _varint(len(start)) + start
        )
    )
    return tf.Summary(
        value=[
            tf.Summary.Value(
                tag='_hparams_/session_start_info', metadata=metadata, tensor=tf.make_tensor_proto(0.0, tf.float32)
            )
        ]
    )


def _varint(number: int) -> bytes:
    """A length as protocol buffers write it: seven bits a byte, lowest first."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def _sheet(images: np.ndarray) -> np.ndarray:
    """uint8 [n, height, width, channels] side by side in rows, with a grey line between."""
    n_columns = math.ceil(math.sqrt(len(images)))
    n_rows = math.ceil(len(images) / n_columns)
    padded = np.full((n_rows * n_columns, images.shape[1] + 1, images.shape[2] + 1, images.shape[3]), 96, np.uint8)
    padded[: len(images), :-1, :-1] = images
    return (
        padded.reshape(n_rows, n_columns, *padded.shape[1:])
        .swapaxes(1, 2)
        .reshape(n_rows * padded.shape[1], n_columns * padded.shape[2], -1)
    )


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image[..., :3]).save(buffer, 'PNG')
    return buffer.getvalue()
