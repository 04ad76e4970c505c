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
# Each with its XLA_FLAGS.
LOOPS = {'mnist_graph': '', 'xla': '', 'xla_ynnpack': '--xla_cpu_experimental_ynn_fusion_type=INDIVIDUAL_DOT'}


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
    """Processor seconds to compile the loop, and processor and wall milliseconds a step of the run after it."""
    import numpy as np
    import tensorflow as tf

    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (steps * BATCH, WIDTHS[0]), np.uint8))
    labels = tf.constant(random.integers(0, WIDTHS[-1], steps * BATCH, np.int32))
    shapes = [shape for fan_in, fan_out in zip(WIDTHS, WIDTHS[1:]) for shape in ((fan_in, fan_out), (fan_out,))]
    parameters = [tf.constant(random.normal(0, 0.05, shape).astype(np.float32)) for shape in shapes]
    zeros = [tf.zeros(shape) for shape in shapes]
    loop, state = compiled_loop(tf), (tf.constant(0), parameters, zeros, zeros)
    began = time.process_time()
    state = loop(images, labels, *state)
    first = time.process_time() - began
    began, processor_began = time.perf_counter(), time.process_time()
    state = loop(images, labels, *state)
    state[1][0].numpy()
    ms, processor = (time.perf_counter() - began) / steps * 1000, time.process_time() - processor_began
    return {'ms': ms, 'processor_ms': processor / steps * 1000, 'compiling': first - processor}


def runner(name, arguments):
    """A function that times one of the loops in a process of its own."""
    flags = [f'--data_dir={arguments.data_dir}', f'--steps={arguments.steps}']
    if name != 'mnist_graph':
        return lambda: measure.run_json([sys.executable, __file__, *flags, f'--only={name}'])
    peer = os.path.join(measure.BENCHMARKS, 'peers', 'ours.py')

    def run():
        fields = measure.run_json([sys.executable, peer, *flags, '--warmup=50'])
        processor_ms = fields['processor_seconds'] / arguments.steps * 1000
        return {'ms': fields['ms_per_step'], 'processor_ms': processor_ms, 'compiling': 0.0}

    return run


def main():
    """Times the loops in turn, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True, type=measure.data_folder, help="folder of MNIST's gzipped files")
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--steps', type=int, default=200)
    in_process = [name for name in LOOPS if name != 'mnist_graph']
    parser.add_argument('--only', choices=in_process, help='time this loop in this process, and print JSON')
    arguments = parser.parse_args()
    if arguments.only:
        os.environ['XLA_FLAGS'] = LOOPS[arguments.only]
        print(json.dumps(time_xla(arguments.steps)))
        return
    results = measure.in_turn({name: runner(name, arguments) for name in LOOPS}, arguments.rounds)
    fields = ('ms', 'processor_ms', 'compiling')
    rows = [[name, *(measure.spread(measure.values_of(results[name], each), 2) for each in fields)] for name in results]
    print(measure.markdown_table(['loop', 'ms a step', 'processor ms a step', 'processor s to compile'], rows))


if __name__ == '__main__':
    measure.run_main(main)
