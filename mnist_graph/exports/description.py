"""What an exported file says of itself."""

from collections.abc import Sequence
from typing import Any

import mnist_graph
from mnist_graph.exports.pixels import PIXEL_RANGES, Pixels
from mnist_graph.network.model import Model
from mnist_graph.training.description import Description


def make(
    described: Description,
    members: Sequence[Model],
    pixels: Pixels,
    n_views: int,
    measured: dict[str, Any],
    licence: str,
) -> dict[str, Any]:
    """The description, as JSON can hold it.

    Args:
      described: What the folder of the first model says.
      members: All models.
      pixels: How pictures are fed.
      n_views: Views that are averaged.
      measured: {'data_set': name, 'pictures': number, 'accuracy': fraction} on test pictures, before the export.
      licence: Of the exported model.
    """
    spec = described.input_spec
    return {
        'producer': f'mnist_graph {mnist_graph.__version__}',
        'classes': list(described.class_names),
        'input': {'name': pixels.name, 'dtype': pixels.dtype, 'shape': ['n', *pixels.dimensions(spec)]},
        'preprocessing': _preprocessing(described, pixels),
        'deskewed': any(model.hparams.deskew for model in members),
        'models': [
            {
                'layers': {name: list(array.shape) for name, array in model.weights.items()},
                'activation': model.hparams.activation,
                'standardized': model.hparams.standardize,
                'pixel_mean': model.spec.pixel_mean,
                'pixel_std': model.spec.pixel_std,
            }
            for model in members
        ],
        'views': n_views,
        'trained_on': described.dataset,
        'test': measured,
        'licence': licence,
    }


def _preprocessing(described: Description, pixels: Pixels) -> str:
    """What must be done with a picture before it is fed, in words."""
    spec = described.input_spec
    size = f'{spec.height} x {spec.width} pixels of {spec.channels} channel{"s" * (spec.channels > 1)}'
    order = 'row by row from the top left' if pixels.shape == 'flat' else 'as [height, width, channels]'
    text = f'Feed pictures of {size}, {order}, with values of {PIXEL_RANGES[pixels.dtype]}.'
    if described.reads_digits:
        text += (
            " A digit is bright on black, its longest side is 20 pixels, and its centre of mass is in the picture's centre, "
            'as in MNIST.'
        )
    return text
