"""The benchmark's network in JAX, with Adam written out so that jax is the only package needed.

Variant `step` jits one training step with its state donated; variant `scan`
jits 100 steps at a time, the digits and the batch indices already on the device.

    python benchmarks/peers/jax_adam.py --data_dir=mnist --variant=step
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from common import DROPOUT_RATE, NUM_CLASSES, Outcome, run_peer, shuffled_batches, timed

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba (2015), section 2
SCAN_STEPS = 100


class State(NamedTuple):
    """Parameters, Adam's two moments (trees of float32 like them), steps taken, random key."""

    parameters: list
    means: list
    squares: list
    step: jax.Array
    key: jax.Array


def initial_state(num_pixels, hidden_units, seed):
    """Glorot-uniform weights, zero biases and moments."""
    key, *layer_keys = jax.random.split(jax.random.key(seed), len(hidden_units) + 2)
    widths = (num_pixels, *hidden_units, NUM_CLASSES)
    glorot = jax.nn.initializers.glorot_uniform()
    parameters = [
        (glorot(layer_key, (width_in, width_out)), jnp.zeros(width_out))
        for layer_key, width_in, width_out in zip(layer_keys, widths, widths[1:])
    ]
    # Two separate trees: donated buffers must not be shared.
    means, squares = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
    return State(parameters, means, squares, jnp.zeros((), jnp.int32), key)


def logits_of(parameters, images, dropout_key=None):
    """Float32 [batch, 10]; drops half of the last hidden layer when given a key."""
    *hidden, (last_weights, last_biases) = parameters
    signal = images
    for weights, biases in hidden:
        signal = jax.nn.relu(signal @ weights + biases)
    if dropout_key is not None:
        kept = jax.random.bernoulli(dropout_key, 1 - DROPOUT_RATE, signal.shape)
        signal = jnp.where(kept, signal / (1 - DROPOUT_RATE), 0)
    return signal @ last_weights + last_biases


def loss_of(parameters, images, labels, dropout_key):
    """Mean softmax cross-entropy of a batch."""
    log_chances = jax.nn.log_softmax(logits_of(parameters, images, dropout_key))
    return -jnp.take_along_axis(log_chances, labels[:, None], axis=1).mean()


def take_step(state, images, labels, indices, learning_rate):
    """One step of Adam on the rows `indices`; the rate carries both bias corrections."""
    key, dropout_key = jax.random.split(state.key)
    gradients = jax.grad(loss_of)(state.parameters, images[indices], labels[indices], dropout_key)
    step = state.step + 1
    means = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state.means, gradients)
    squares = jax.tree.map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, state.squares, gradients)
    rate = learning_rate * jnp.sqrt(1 - BETA2**step) / (1 - BETA1**step)
    parameters = jax.tree.map(lambda p, m, s: p - rate * m / (jnp.sqrt(s) + EPSILON), state.parameters, means, squares)
    return State(parameters, means, squares, step, key)


def make_runner(settings, images, labels):
    """Returns run(state, steps) -> state for the chosen variant."""
    generator = np.random.default_rng(settings.seed)

    def batches(steps):
        return shuffled_batches(len(images), settings.batch_size, steps, generator)

    @functools.partial(jax.jit, donate_argnums=0)
    def one(state, images, labels, indices):
        return take_step(state, images, labels, indices, settings.learning_rate)

    @functools.partial(jax.jit, donate_argnums=0)
    def many(state, images, labels, table):
        def body(state, indices):
            return take_step(state, images, labels, indices, settings.learning_rate), None

        return jax.lax.scan(body, state, table)[0]

    def run_each(state, steps):
        for indices in batches(steps):
            state = one(state, images, labels, indices.astype(np.int32))
        return jax.block_until_ready(state)

    def run_scanned(state, steps):
        if steps % SCAN_STEPS:
            raise SystemExit(f'--steps and --warmup must be multiples of {SCAN_STEPS} for scan')
        source = batches(steps)
        for _ in range(steps // SCAN_STEPS):
            table = np.stack([next(source) for _ in range(SCAN_STEPS)]).astype(np.int32)
            state = many(state, images, labels, table)
        return jax.block_until_ready(state)

    return run_scanned if settings.variant == 'scan' else run_each


def train(digits, settings):
    """Trains as `settings.variant` says: step or scan."""
    images = jnp.asarray(digits.train_images)
    labels = jnp.asarray(digits.train_labels.astype(np.int32))
    run = make_runner(settings, images, labels)
    state = initial_state(images.shape[1], settings.hidden_units, settings.seed)
    state = run(state, settings.warmup)
    state, seconds = timed(run, state, settings.steps)
    guesses = np.asarray(jax.jit(logits_of)(state.parameters, digits.test_images)).argmax(1)
    accuracy = float((guesses == digits.test_labels).mean())
    return Outcome(f'jax_{settings.variant}', seconds, accuracy, f'jax {jax.__version__}')


if __name__ == '__main__':
    run_peer(train, ['step', 'scan'], __doc__)
