"""Times the training loop if XLA compiles it as a whole, beside the package's own loop, in turn.

The loop that XLA compiles is written here in TensorFlow 2: `tf.function(jit_compile=True)` around a `tf.while_loop` with
the default network (784-512-256-128-10, mini-batches of 128, dropout of half of the last hidden layer) and Adam written
out. Its pictures are random numbers, and take as long.

    python benchmarks/xla_loop.py --data_dir=mnist --rounds=5 --steps=200

In the row xla_ynnpack, XLA may give each matrix product to YNNPACK, as JAX does. Processor time is of all cores together.
"""

import argparse
import json
import os
import sys
import time

import measure

WIDTHS = (784, 512, 256, 128, 10)
BATCH, KEPT, RATE = 128, 0.5, 1e-3
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba (2015), section 2
YNNPACK = '--xla_cpu_experimental_ynn_fusion_type=INDIVIDUAL_DOT'
LOOPS = {'mnist_graph': '', 'xla': '', 'xla_ynnpack': YNNPACK}


def compiled_loop(tf):
    """A function of pictures, labels and state that takes a step for each mini-batch, and returns the new state."""

    def loss_of(parameters, X, labels, step):
        layer = X
        for number, (weight, bias) in enumerate(zip(parameters[::2], parameters[1::2]), start=1):
            layer = tf.matmul(layer, weight) + bias
            if number < len(WIDTHS) - 1:
                layer = tf.nn.relu(layer)
            if number == len(WIDTHS) - 2:
                drawn = tf.random.stateless_uniform([BATCH, WIDTHS[-2]], tf.stack([0, step]))
                layer *= tf.cast(drawn < KEPT, tf.float32) / KEPT
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, layer))

    def take_step(images, labels, step, parameters, means, squares):
        rows = step % (images.shape[0] // BATCH) * BATCH
        X = tf.cast(tf.slice(images, [rows, 0], [BATCH, WIDTHS[0]]), tf.float32) / 255
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            loss = loss_of(parameters, X, tf.slice(labels, [rows], [BATCH]), step)
        gradients = tape.gradient(loss, parameters)
        done = tf.cast(step + 1, tf.float32)
        rate = RATE * tf.sqrt(1 - BETA2**done) / (1 - BETA1**done)
        means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, gradients)]
        squares = [BETA2 * s + (1 - BETA2) * g * g for s, g in zip(squares, gradients)]
        parameters = [p - rate * m / (tf.sqrt(s) + EPSILON) for p, m, s in zip(parameters, means, squares)]
        return step + 1, parameters, means, squares

    @tf.function(jit_compile=True)
    def loop(images, labels, *state):
        end = state[0] + images.shape[0] // BATCH
        body = lambda *state: take_step(images, labels, *state)
        return tf.while_loop(lambda step, *_: step < end, body, state)

    return loop


def time_xla(steps):
    """Seconds until the loop is compiled, and processor and wall milliseconds a step of the run after it."""
    import numpy as np
    import tensorflow as tf

    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (steps * BATCH, WIDTHS[0]), np.uint8))
    labels = tf.constant(random.integers(0, WIDTHS[-1], steps * BATCH, np.int32))
    shapes = [shape for fan_in, fan_out in zip(WIDTHS, WIDTHS[1:]) for shape in ((fan_in, fan_out), (fan_out,))]
    parameters = [tf.constant(random.normal(0, 0.05, shape).astype(np.float32)) for shape in shapes]
    zeros = [tf.zeros(shape) for shape in shapes]
    loop, state = compiled_loop(tf), (tf.constant(0), parameters, zeros, zeros)
    began = time.perf_counter()
    state = loop(images, labels, *state)
    first = time.perf_counter() - began
    began, processor_began = time.perf_counter(), time.process_time()
    state = loop(images, labels, *state)
    state[1][0].numpy()
    seconds, processor = time.perf_counter() - began, time.process_time() - processor_began
    return {'ms': seconds / steps * 1000, 'processor_ms': processor / steps * 1000, 'compiling': first - seconds}


def runner(name, arguments):
    """A function that times one of the loops in a process of its own."""
    if name == 'mnist_graph':
        peer = [
            sys.executable,
            os.path.join(measure.BENCHMARKS, 'peers', 'ours.py'),
            f'--data_dir={arguments.data_dir}',
        ]
        peer += [f'--steps={arguments.steps}', '--warmup=50']

        def run():
            fields = measure.run_json(peer)
            processor_ms = fields['processor_seconds'] / fields['steps'] * 1000
            return {'ms': fields['ms_per_step'], 'processor_ms': processor_ms, 'compiling': 0.0}

        return run
    program = [sys.executable, __file__, f'--steps={arguments.steps}', f'--only={name}']
    return lambda: measure.run_json(program)


def main():
    """Times the loops in turn, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument(
        '--data_dir', type=measure.data_folder, help="folder of MNIST's files, to time the package, too"
    )
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--steps', type=int, default=200)
    parser.add_argument('--only', choices=LOOPS, help='time this loop in this process, and print JSON')
    arguments = parser.parse_args()
    if arguments.only:
        os.environ['XLA_FLAGS'] = LOOPS[arguments.only]
        print(json.dumps(time_xla(arguments.steps)))
        return
    names = [name for name in LOOPS if arguments.data_dir or name != 'mnist_graph']
    results = measure.in_turn({name: runner(name, arguments) for name in names}, arguments.rounds)
    fields = ('ms', 'processor_ms', 'compiling')
    rows = [
        [name, *(measure.spread(measure.values_of(runs, field), 2) for field in fields)]
        for name, runs in results.items()
    ]
    print(measure.markdown_table(['loop', 'ms a step', 'processor ms a step', 'seconds to compile'], rows))


if __name__ == '__main__':
    measure.run_main(main)
