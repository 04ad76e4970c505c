"""A recipe of flags/ in JAX, each step compiled, or a hundred at a time, with Adam written out.

python benchmarks/peers/jax_recipe.py --recipe=fast_99 --data_dir=mnist
"""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import recipe

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba (2015), section 2
STEPS_IN_A_CALL = 100


class State(NamedTuple):
    """Parameters {name: (weights, biases)}, trees like them, and moments {name: (mean, variance)}."""

    parameters: dict
    means: dict
    squares: dict
    averages: dict
    moments: dict


class Inputs(NamedTuple):
    """What one step is given beside the state; every field has the steps of a call as its first dimension."""

    step: np.ndarray
    rate: np.ndarray
    average_keeps: np.ndarray
    moments_keep: np.ndarray
    rows: np.ndarray
    coefficients: np.ndarray | None


def first_state(hparams):
    """The first weights and biases as the recipe's initializer draws them, and zeros."""
    generator = np.random.default_rng(hparams.seed)
    shapes, first_bias = recipe.weight_shapes(hparams), recipe.FIRST_BIASES[hparams.initializer]
    parameters = {
        name: (jnp.asarray(recipe.first_weights(hparams, shape, generator)), jnp.full(shape[-1], first_bias))
        for name, shape in shapes.items()
    }
    moments = {name: (jnp.zeros(shape[-1]), jnp.ones(shape[-1])) for name, shape in shapes.items() if name != 'out'}
    zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
    return State(parameters, *zeros, jax.tree.map(jnp.copy, parameters), moments)


def logits_of(hparams, parameters, moments, pictures, training):
    """Logits float32 [batch, 10] of standardized pictures [batch, 784], and the moments of this batch."""
    layer, seen = pictures, {}
    for name in list(recipe.weight_shapes(hparams))[:-1]:  # JAX sorts a dictionary's names
        weights, biases = parameters[name]
        if name.startswith('conv'):
            first = name == 'conv1'
            layer = layer.reshape(-1, recipe.SIDE, recipe.SIDE, 1) if first else layer
            layer = jax.lax.conv_general_dilated(
                layer, weights, (1, 1), 'VALID' if first else 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
            )
            if name != 'conv2':
                layer = jax.lax.reduce_window(layer, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), 'SAME')
        else:
            layer = layer.reshape(len(layer), -1) @ weights
        if hparams.batch_norm:
            axes = tuple(range(layer.ndim - 1))
            seen[name] = mean, variance = (layer.mean(axes), layer.var(axes)) if training else moments[name]
            layer = (layer - mean) * jax.lax.rsqrt(variance + recipe.BATCH_NORM_EPSILON)
        layer = jax.nn.relu(layer + biases)
    weights, biases = parameters['out']
    return layer.reshape(len(layer), -1) @ weights + biases, seen


def distort(pictures, coefficients, basis):
    """Looks every pixel up at the point that the coefficients say, by bilinear interpolation."""
    last = recipe.SIDE - 1
    points = jnp.clip(coefficients @ basis + last / 2, 0, last)  # [batch, 2, 784]: rows, then columns
    corner = jnp.minimum(jnp.floor(points), last - 1)
    (down, right), corner = jnp.moveaxis(points - corner, 1, 0), corner.astype(jnp.int32)
    index = corner[:, 0] * recipe.SIDE + corner[:, 1]

    def pixel(offset):
        return jnp.take_along_axis(pictures, index + offset, axis=1)

    upper = pixel(0) * (1 - right) + pixel(1) * right
    lower = pixel(recipe.SIDE) * (1 - right) + pixel(recipe.SIDE + 1) * right
    return upper * (1 - down) + lower * down


def take_step(hparams, basis, images, labels, state, inputs):
    """One step of Adam, of the weights' averages and of the moments' averages."""
    pictures = images[inputs.rows]
    if inputs.coefficients is not None:
        pictures = distort(pictures, inputs.coefficients, basis)

    def loss_of(parameters):
        logits, seen = logits_of(hparams, parameters, state.moments, pictures, training=True)
        return -(labels[inputs.rows] * jax.nn.log_softmax(logits)).sum(axis=1).mean(), seen

    gradients, seen = jax.grad(loss_of, has_aux=True)(state.parameters)
    step = inputs.step + 1
    means = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state.means, gradients)
    squares = jax.tree.map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, state.squares, gradients)
    rate = inputs.rate * jnp.sqrt(1 - BETA2**step) / (1 - BETA1**step)
    parameters = jax.tree.map(lambda p, m, s: p - rate * m / (jnp.sqrt(s) + EPSILON), state.parameters, means, squares)

    def follow(keeps):
        return lambda average, value: keeps * average + (1 - keeps) * value

    averages = jax.tree.map(follow(inputs.average_keeps), state.averages, parameters)
    moments = {name: jax.tree.map(follow(inputs.moments_keep), state.moments[name], seen[name]) for name in seen}
    return State(parameters, means, squares, averages, {**state.moments, **moments}), None


def calls(job, n):
    """Yields `Inputs` of up to n steps."""
    rates = recipe.learning_rates(job)
    keeps, moments_keep = (
        recipe.average_keeps(decay, job.n_steps) for decay in (job.hparams.ema_decay, recipe.BATCH_NORM_DECAY)
    )
    batches, done = recipe.batches(job), 0
    while some := list(itertools.islice(batches, n)):
        steps = slice(done, done + len(some))
        rows, coefficients = zip(*some)
        coefficients = np.stack(coefficients) if job.hparams.augment else None
        schedules = (rates[steps], keeps[steps], moments_keep[steps])
        yield Inputs(np.arange(steps.start, steps.stop), *schedules, np.stack(rows), coefficients)
        done += len(some)


def main():
    """Trains the recipe and prints its test accuracy as one line of JSON."""
    job = recipe.read_job(('step', 'scan'), __doc__)
    hparams, images = job.hparams, jnp.asarray(job.digits.train_images)
    labels = jnp.asarray(recipe.smoothed(job.digits.train_labels, hparams.label_smoothing))
    basis = jnp.asarray(recipe.basis())
    body = functools.partial(take_step, hparams, basis)

    @functools.partial(jax.jit, donate_argnums=2)
    def run(images, labels, state, inputs):
        if job.variant == 'step':
            return body(images, labels, state, jax.tree.map(lambda table: table[0], inputs))[0]
        return jax.lax.scan(functools.partial(body, images, labels), state, inputs)[0]

    state = first_state(hparams)
    for inputs in calls(job, 1 if job.variant == 'step' else STEPS_IN_A_CALL):
        state = run(images, labels, state, inputs)
    tested = state.averages if hparams.ema_decay else state.parameters

    @jax.jit
    def read(pictures, coefficients):
        if coefficients is not None:
            pictures = distort(pictures, coefficients, basis)
        return logits_of(hparams, tested, state.moments, pictures, training=False)[0]

    guesses = recipe.guess(job, lambda pictures, coefficients: np.asarray(read(pictures, coefficients)))
    recipe.report(f'jax_{job.variant}', job, guesses, f'jax {jax.__version__}')


if __name__ == '__main__':
    main()
