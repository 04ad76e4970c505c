"""`tensorflow.contrib.rnn` and the sequence functions of its neighbours."""

from typing import Any

# Added to a sum of weights, as in TensorFlow 1, so that none is divided by 0.
_TINY = 1e-12


def members(tf: Any) -> dict[str, Any]:
    """{name: cell, wrapper or function}."""
    cells = tf.nn.rnn_cell
    names = [name for name in dir(cells) if name[0].isupper()]
    found = {name: getattr(cells, name) for name in names}
    return {
        **found,
        'CoreRNNCell': found['RNNCell'],
        'LSTMBlockCell': found['LSTMCell'],
        'static_rnn': tf.nn.static_rnn,
        'static_bidirectional_rnn': tf.nn.static_bidirectional_rnn,
        'stack_bidirectional_dynamic_rnn': _stacked(tf),
        'OutputProjectionWrapper': _output_projection(tf),
        'InputProjectionWrapper': _input_projection(tf),
    }


def _output_projection(tf: Any) -> Any:
    class OutputProjectionWrapper(tf.nn.rnn_cell.RNNCell):
        """A cell whose output goes through a linear layer."""

        def __init__(self, cell: Any, output_size: int, activation: Any = None, reuse: Any = None):
            super().__init__(_reuse=reuse)
            self._cell, self._output_size, self._activation = cell, output_size, activation

        @property
        def state_size(self) -> Any:
            return self._cell.state_size

        @property
        def output_size(self) -> int:
            return self._output_size

        def zero_state(self, batch_size: Any, dtype: Any) -> Any:
            return self._cell.zero_state(batch_size, dtype)

        def call(self, inputs: Any, state: Any) -> Any:
            output, state = self._cell(inputs, state)
            return tf.layers.dense(output, self._output_size, self._activation, name='projection'), state

    return OutputProjectionWrapper


def _input_projection(tf: Any) -> Any:
    class InputProjectionWrapper(tf.nn.rnn_cell.RNNCell):
        """A cell whose input goes through a linear layer."""

        def __init__(self, cell: Any, num_proj: int, activation: Any = None, **ignored: Any):
            super().__init__()
            self._cell, self._num_proj, self._activation = cell, num_proj, activation

        @property
        def state_size(self) -> Any:
            return self._cell.state_size

        @property
        def output_size(self) -> Any:
            return self._cell.output_size

        def call(self, inputs: Any, state: Any) -> Any:
            return self._cell(tf.layers.dense(inputs, self._num_proj, self._activation, name='projection'), state)

    return InputProjectionWrapper


def _stacked(tf: Any) -> Any:
    def stack_bidirectional_dynamic_rnn(cells_fw: Any, cells_bw: Any, inputs: Any, dtype: Any = None, **named: Any):
        states = []
        for index, (forward, backward) in enumerate(zip(cells_fw, cells_bw)):
            with tf.variable_scope(f'cell_{index}'):
                outputs, state = tf.nn.bidirectional_dynamic_rnn(forward, backward, inputs, dtype=dtype, **named)
            inputs = tf.concat(outputs, 2)
            states.append(state)
        return inputs, tuple(each[0] for each in states), tuple(each[1] for each in states)

    return stack_bidirectional_dynamic_rnn


def _losses(tf: Any, logits: Any, targets: Any, softmax_loss_function: Any) -> Any:
    losses = softmax_loss_function or tf.nn.sparse_softmax_cross_entropy_with_logits
    return losses(labels=targets, logits=logits)


def sequence_members(tf: Any) -> dict[str, Any]:
    """{name: function} of `contrib.seq2seq`."""

    def sequence_loss(
        logits: Any,
        targets: Any,
        weights: Any,
        average_across_timesteps: bool = True,
        average_across_batch: bool = True,
        softmax_loss_function: Any = None,
        name: str | None = None,
    ) -> Any:
        """The weighted mean cross-entropy over time, over the batch, or over both; [batch, time] without either.

        Logits are [batch, time, classes], targets and weights [batch, time].
        """
        losses = _losses(tf, logits, targets, softmax_loss_function) * weights
        axes = [axis for axis, is_mean in enumerate((average_across_batch, average_across_timesteps)) if is_mean]
        if not axes:
            return losses
        return tf.divide(tf.reduce_sum(losses, axes), tf.reduce_sum(weights, axes) + _TINY, name=name)

    return {'sequence_loss': sequence_loss}


def legacy_sequence_members(tf: Any) -> dict[str, Any]:
    """{name: function} of `contrib.legacy_seq2seq`."""

    def sequence_loss_by_example(
        logits: Any,
        targets: Any,
        weights: Any,
        average_across_timesteps: bool = True,
        softmax_loss_function: Any = None,
        name: str | None = None,
    ) -> Any:
        """[batch]: the weighted sum of the cross-entropies of a list of steps, by default divided by that of the weights.

        Each step has logits [batch, classes], targets [batch] and weights [batch].
        """
        steps = zip(logits, targets, weights)
        losses = tf.add_n(
            [_losses(tf, logit, target, softmax_loss_function) * weight for logit, target, weight in steps]
        )
        return tf.divide(losses, tf.add_n(weights) + _TINY if average_across_timesteps else 1.0, name=name)

    def sequence_loss(
        logits: Any,
        targets: Any,
        weights: Any,
        average_across_timesteps: bool = True,
        average_across_batch: bool = True,
        softmax_loss_function: Any = None,
        name: str | None = None,
    ) -> Any:
        """The mean of `sequence_loss_by_example` over the batch, or its sum."""
        losses = sequence_loss_by_example(logits, targets, weights, average_across_timesteps, softmax_loss_function)
        return (tf.reduce_mean if average_across_batch else tf.reduce_sum)(losses, name=name)

    return {'sequence_loss': sequence_loss, 'sequence_loss_by_example': sequence_loss_by_example}
