"""From trained models to a file of another format: written, read again, compared, and only then given its name."""

import os
import shutil

from mnist_graph.base import files
from mnist_graph.base.errors import ExportError, UsageError
from mnist_graph.data import Dataset
from mnist_graph.exports import description, inference_graph, verification
from mnist_graph.exports.formats import format
from mnist_graph.exports.formats.format import Exported, Format
from mnist_graph.exports.request import Request
from mnist_graph.exports.verification import Agreement
from mnist_graph.models import constants
from mnist_graph.models.saved_model import Found, SavedModel


def export(request: Request, found: Found, model: SavedModel, dataset: Dataset) -> Agreement:
    """Exports models.

    Args:
      request: What is asked for.
      found: The models.
      model: The same, rebuilt, with as many views as are asked for.
      dataset: Its test pictures are those that the file is compared on; at least one.

    Returns:
      How the file compares with the models.

    Raises:
      UsageError: As of `Request.check`, or the model is too large for the format.
      ExportError: It could not be converted, written or read again, or the file does not agree. Nothing is left behind.
    """
    chosen = request.check()
    members = [
        constants.fold_batch_norm(constants.load(described, saved))
        for described, saved in zip(found.descriptions, found.checkpoints)
    ]
    _check_size(request, chosen, members)
    probabilities = model.probabilities(dataset.test.images)
    measured = {
        'data_set': dataset.name,
        'pictures': len(dataset.test),
        'accuracy': float((probabilities.argmax(axis=1) == dataset.test.labels).mean()),
    }
    described = found.descriptions[0]
    inference = inference_graph.build(
        members, described.class_names, described.reads_digits, request.pixels, request.n_views, chosen.has_texts
    )
    about = description.make(described, members, request.pixels, request.n_views, measured, request.licence)
    exported = Exported(inference, members, request.pixels, about, request.quantize)
    part = files.temporary_name(os.fspath(request.output).rstrip(os.sep))
    try:
        chosen.write(exported, part)
        reader = chosen.open(part, exported)
        agreement = verification.compare(reader, request.pixels, dataset.test, probabilities, request.quantize)
        if os.path.lexists(request.output):  # made by somebody else meanwhile
            raise UsageError(f'--output={request.output}: exists already; give another path, or remove it.')
        os.rename(part, request.output)
    except OSError as error:
        raise ExportError(
            f'{request.output}: cannot be written ({error.strerror or error}); give another path.'
        ) from None
    finally:
        _remove(part)
    return agreement


def _check_size(request: Request, chosen: Format, members) -> None:
    n_bytes = Exported(None, members, None, {}).n_bytes
    if chosen.is_limited and n_bytes > format.MOST_BYTES:
        n_classes = members[0].spec.n_classes
        raise UsageError(
            f'--format={request.format}: weights for {n_classes} classes take {n_bytes:,} bytes, and such a file can hold '
            f'{format.MOST_BYTES:,}; use --format=npz.'
        )


def _remove(path: str) -> None:
    """Removes a file or folder, if it is there."""
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)


def size(path: str | os.PathLike[str]) -> int:
    """Bytes of a file, or of all files in a folder."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)
