"""`tensorflow.contrib.rnn` and the sequence functions of its neighbours."""

from typing import Any


def members(tf: Any) -> dict[str, Any]:
    """{name: cell, wrapper or function}."""
    cells = tf.nn.rnn_cell
    names = [name for name in dir(cells) if name[0].isupper()]
    found = {name: getattr(cells, name) for name in names}
    return {
        **found,
        'BasicLSTMCell': found['BasicLSTMCell'],
        'CoreRNNCell': found['RNNCell'],
        'LSTMBlockCell': found['LSTMCell'],
        'static_rnn': tf.nn.static_rnn,
        'static_bidirectional_rnn': tf.nn.static_bidirectional_rnn,
        'stack_bidirectional_dynamic_rnn': _stacked(tf),
        'OutputProjectionWrapper': _output_projection(tf),
        'InputProjectionWrapper': _input_projection(tf),
    }


def sequence_members(tf: Any) -> dict[str, Any]:
    """{name: function} of `contrib.legacy_seq2seq` and `contrib.seq2seq`."""
    return {'sequence_loss': _sequence_loss(tf), 'sequence_loss_by_example': _sequence_loss(tf)}


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


def _sequence_loss(tf: Any) -> Any:
    def sequence_loss(logits: Any, targets: Any, weights: Any, **ignored: Any) -> Any:
        """The mean cross-entropy of a sequence, each step with its weight."""
        join = lambda parts: tf.stack(parts, 1) if isinstance(parts, (list, tuple)) else parts
        logits, targets, weights = map(join, (logits, targets, weights))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
        weights = tf.cast(weights, losses.dtype)
        return tf.reduce_sum(losses * weights) / (tf.reduce_sum(weights) + 1e-12)

    return sequence_loss
