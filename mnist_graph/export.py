"""Writes a trained model in a format that other programs load.
The format litert needs the extra `litert`, and onnx the extra `onnx`.

    python -m mnist_graph.export --format=onnx --model_dir=runs/latest --output=digits.onnx

The file is then read again, by TensorFlow, LiteRT or ONNX Runtime (npz by this package), and
compared with the model on every test picture. If they do not agree, nothing is left behind.
"""

from absl import flags

from mnist_graph.base.errors import UsageError
from mnist_graph.cli import common_flags, loading, process

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Which model is exported, into what, and on which pictures the result is checked."""
    from mnist_graph.exports.formats import FORMATS
    from mnist_graph.exports.pixels import PIXEL_RANGES, SHAPES

    common_flags.define('trained_model_dir', 'checkpoint')
    kinds = '; '.join(f'{name} ({each.help})' for name, each in FORMATS.items())
    flags.DEFINE_enum('format', None, list(FORMATS), f'What to write (required): {kinds}.', case_sensitive=False)
    common_flags.define_path(
        'output', 'File to write, or folder for saved_model; it must not exist yet. By default model with its ending.'
    )
    common_flags.define_enum(
        'pixels',
        'float32',
        tuple(PIXEL_RANGES),
        'Type of the pixels that the file takes: float32 (0 to 1) or uint8 (0 to 255).',
    )
    common_flags.define_enum(
        'shape', 'flat', SHAPES, 'Shape of the pixels: flat is [n, 784], and image is [n, height, width, channels].'
    )
    flags.DEFINE_boolean(
        'quantize', False, 'Store weights in 8 bits: a quarter of the size, and a little less accurate.'
    )
    flags.DEFINE_string('licence', 'Apache-2.0', 'Licence of the model, which the file names.')
    common_flags.define('tta', 'trained_dataset', 'trained_data_dir', 'pictures', 'skip_bad_pictures', 'num_threads')


def main(arguments) -> int:
    """Exports the model that the flags name; returns the exit code."""
    process.no_arguments(arguments)
    from mnist_graph.exports.formats import FORMATS
    from mnist_graph.models import saved_model

    if not FLAGS.format:
        raise UsageError(f'There is no format to write; give --format={"|".join(FORMATS)}.')
    request = request_from_flags()
    request.check()
    found = saved_model.find(FLAGS.model_dir, FLAGS.checkpoint, or_pretrained=True)
    dataset = loading.load_measured_data(found, among_classes=True, or_drawn=True)
    with loading.load_model(found, FLAGS.tta) as model:
        from mnist_graph.exports import exporting

        agreement = exporting.export(request, found, model, dataset)
    size = exporting.size(request.output) / 1e6
    print(f'{request.output}: {request.format}, {size:.2f} MB; feed {request.pixels.name}')
    print(
        f'Read again on {agreement.n} test pictures{dataset.suffix}: {agreement.agreement:.2%} the same class, largest '
        f'difference of a probability {agreement.largest_difference:.1e}'
    )
    print(f'Accuracy: {agreement.exported_accuracy:.4f}, and {agreement.accuracy:.4f} before the export')
    return 0


def request_from_flags():
    """The `request.Request` that the flags describe."""
    from mnist_graph.exports.formats import FORMATS
    from mnist_graph.exports.pixels import Pixels
    from mnist_graph.exports.request import Request

    output = FLAGS.output or f'model{FORMATS[FLAGS.format].ending}'
    return Request(FLAGS.format, output, Pixels(FLAGS.pixels, FLAGS.shape), FLAGS.tta, FLAGS.quantize, FLAGS.licence)


def console_main() -> None:
    """The console command `mnist-graph-export`."""
    process.run_command(main, define_flags)


if __name__ == '__main__':
    console_main()
