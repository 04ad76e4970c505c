"""What a network is fed: the shape of its pictures, and pixels and labels as numbers."""

from typing import NamedTuple

import numpy as np

# Multiplying by this float32 scales bytes to [0, 1] (255 maps to 1.0 exactly);
# the graph uses the same constant, so fed and looped pixels agree to the bit.
PIXEL_SCALE = np.float32(1 / 255)


class InputSpec(NamedTuple):
    """What a network must know about its data.

    Attributes:
      height, width, channels: Shape of one picture; channels is 1 if it is grey, 3 if in colour.
      n_classes: Number of labels, which are 0 to n_classes - 1.
      pixel_mean, pixel_std: What pixels in [0, 1] are shifted and divided by
        first; 0.0 and 1.0 leave them alone.
    """

    height: int
    width: int
    channels: int
    n_classes: int
    pixel_mean: float = 0.0
    pixel_std: float = 1.0

    @property
    def n_features(self) -> int:
        """Numbers in one flattened picture: 784 for MNIST."""
        return self.height * self.width * self.channels


def to_input(images: np.ndarray) -> np.ndarray:
    """uint8 [n, height, width, channels] to the float32 [n, features] in [0, 1] that X takes."""
    return images.reshape(len(images), -1).astype(np.float32) * PIXEL_SCALE


def one_hot(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """int [n] to the float32 [n, n_classes] that Y takes: 1.0 at the label, else 0.0."""
    return np.eye(n_classes, dtype=np.float32)[labels]
