"""What a trained network computes on the way from a picture to its probabilities, and what excites its units."""

from typing import Any, NamedTuple

import cv2
import numpy as np

# A picture that excites a unit is found in _STEPS steps uphill. Each changes the pixel with the steepest slope by
# _STEP_LENGTH (white is 1), and then the picture is blurred by a Gaussian of _BLUR pixels, because it would be noise
# otherwise. All three were chosen by eye.
_STEPS, _STEP_LENGTH, _BLUR = 24, 0.2, 0.6
# At most so many inputs of a unit are named.
_N_STRONGEST = 6
# Inputs that add no more than this share of what the strongest adds are not named.
_LEAST_OF_STRONGEST = 0.01


class Layer(NamedTuple):
    """One layer, under its name in `graph.py`.

    Attributes:
      name: 'conv_1', 'layer_1', 'output_layer' and so on.
      output: float32 [batch, units], or [batch, height, width, channels] of convolutions.
      before: The same before the activation.
    """

    name: str
    output: Any
    before: Any


class Unit(NamedTuple):
    """What there is to say of one unit at one picture.

    Attributes:
      value: What it computes.
      excites: float32 [height, width, channels]: for the first layer, what each pixel adds (it may be negative); for
        later ones, a picture in [0, 1] at which the unit computes much.
      is_first: Whether the layer is the first.
      strongest: (position, amount): which inputs add most to the unit at this picture, in either direction. A position
        is an index into the layer before; of a convolution, a map and its number.
    """

    value: float
    excites: np.ndarray
    is_first: bool
    strongest: list[tuple[tuple[int, ...], float]]


class Inside:
    """The layers of a network's graph, and the gradients that tell of its units.

    Args:
      network: A `graph.Network` that was built without training.
    """

    def __init__(self, network):
        self._network = network
        self.layers = _layers(network)
        spec = network.model.spec
        self._shape = (spec.height, spec.width, spec.channels)
        deskewed = [op for op in network.graph.get_operations() if op.name.startswith('deskew/')]
        # Gradients do not flow through the deskewing, so they are those of what comes out of it.
        self._source = deskewed[-1].outputs[0] if deskewed else network.X
        with network.graph.as_default():
            self._gradients = [self._gradient(number) for number in range(len(self.layers))]

    def _gradient(self, number: int) -> tuple[Any, Any, Any]:
        """(placeholder that chooses a unit, its gradient by the source, its gradient by the layer before)."""
        import tensorflow.compat.v1 as tf

        layer = self.layers[number]
        chosen = tf.placeholder(tf.float32, layer.before.shape[1:])
        by_source, by_input = tf.gradients(tf.reduce_sum(layer.before * chosen), [self._source, self._input(number)])
        return chosen, by_source, by_input

    def _input(self, number: int) -> Any:
        return self.layers[number - 1].output if number else self._source

    @property
    def outputs(self) -> list[Any]:
        """What to fetch to see every layer."""
        return [layer.output for layer in self.layers]

    def unit(self, sess, X: np.ndarray, number: int, position: tuple[int, ...]) -> Unit:
        """Looks at one unit.

        Args:
          sess: A tf.Session with the trained values.
          X: float32 [1, features], the picture.
          number: Index into `layers`.
          position: Index of the unit in its layer's output.

        Raises:
          IndexError: There is no such unit.
        """
        layer, (chosen, by_source, by_input) = self.layers[number], self._gradients[number]
        one = np.zeros(layer.before.shape[1:].as_list(), np.float32)
        if len(position) != one.ndim or any(not 0 <= at < size for at, size in zip(position, one.shape)):
            raise IndexError(position)
        one[position] = 1
        feed = {chosen: one, self._network.keep_prob: 1.0}
        value, source, gradient, inputs = sess.run(
            [layer.output, by_source, by_input, self._input(number)], {**feed, self._network.X: X}
        )
        excites = source if number == 0 else self._uphill(sess, by_source, feed)
        return Unit(
            float(value[(0, *position)]), excites.reshape(self._shape), number == 0, _strongest(gradient[0] * inputs[0])
        )

    def _uphill(self, sess, gradient, feed: dict) -> np.ndarray:
        """float32 [height, width, channels] in [0, 1]: from black, uphill on the unit."""
        picture = np.zeros(self._shape, np.float32)
        shape = [1, *self._source.shape[1:].as_list()]
        for _ in range(_STEPS):
            slope = sess.run(gradient, {**feed, self._source: picture.reshape(shape)}).reshape(self._shape)
            largest = float(np.abs(slope).max())
            if not largest:
                break
            stepped = np.clip(picture + _STEP_LENGTH * slope / largest, 0, 1)
            picture = cv2.GaussianBlur(stepped, (0, 0), _BLUR).reshape(self._shape)
        return picture


def _layers(network) -> list[Layer]:
    """The layers in order: a layer's last operation is its activation, and the bias is added before that."""
    scopes: dict[str, list[Any]] = {}
    for op in network.graph.get_operations():
        scope = op.name.split('/')[0]
        if op.name.startswith(('conv_', 'layer_', 'output_layer/')):
            scopes.setdefault(scope, []).append(op)
    return [
        Layer(scope, operations[-1].outputs[0], network.graph.get_tensor_by_name(f'{scope}/BiasAdd:0'))
        for scope, operations in scopes.items()
    ]


def _strongest(amounts: np.ndarray) -> list[tuple[tuple[int, ...], float]]:
    """The positions with the largest amounts, positive or negative; those of a map are summed."""
    amounts = amounts.sum(axis=(0, 1)) if amounts.ndim == 3 and amounts.shape[2] > 1 else amounts
    order = np.argsort(-np.abs(amounts), axis=None)[:_N_STRONGEST]
    positions = zip(*np.unravel_index(order, amounts.shape))
    least = _LEAST_OF_STRONGEST * np.abs(amounts).max(initial=0)
    return [
        (tuple(map(int, position)), float(amounts[position]))
        for position in positions
        if abs(amounts[position]) > least
    ]
