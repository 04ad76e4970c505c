"""How pictures are fed to an exported graph: type, range and shape of their pixels."""

import math
from typing import NamedTuple

import numpy as np

from mnist_graph.base.inputs import PIXEL_SCALE, InputSpec

# What `Pixels.dtype` may be, and the values that pixels of this type have.
PIXEL_RANGES = {'float32': '0.0 to 1.0', 'uint8': '0 to 255'}
SHAPES = ('flat', 'image')


class Pixels(NamedTuple):
    """How pictures are fed to an exported graph.

    Attributes:
      dtype: A name in PIXEL_RANGES.
      shape: 'flat' for [n, features], or 'image' for [n, height, width, channels].
    """

    dtype: str = 'float32'
    shape: str = 'flat'

    @property
    def name(self) -> str:
        """Of the graph's input: 'pixels_float32', so that nobody feeds numbers of another range."""
        return f'pixels_{self.dtype}'

    def dimensions(self, spec: InputSpec) -> list[int]:
        """Shape of one picture."""
        return [spec.n_features] if self.shape == 'flat' else list(spec[:3])

    def of(self, images: np.ndarray) -> np.ndarray:
        """What to feed for uint8 [n, height, width, channels] pictures."""
        images = images if self.shape == 'image' else images.reshape(len(images), math.prod(images.shape[1:]))
        return images if self.dtype == 'uint8' else images.astype(np.float32) * PIXEL_SCALE
