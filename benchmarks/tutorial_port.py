"""A baseline: the plain TensorFlow 1 program of the tutorials, on tf.compat.v1.

Three hidden layers without activations, a placeholder for every input, Adam, and a
Python loop that feeds one batch a step. The output layer reads the third hidden
layer itself: dropout is declared and then not used, and the picture is fed as
pixels of 0 to 255 to a network trained on 0 to 1. Both are habits of such programs and
are kept, because this is the program people would otherwise have.

    python benchmarks/tutorial_port.py --data_dir=mnist --picture=test_img.png
"""

import argparse

import numpy as np
import tensorflow.compat.v1 as tf
from peers.common import load_digits, print_json, shuffled_batches
from PIL import Image

N_INPUT, N_HIDDEN, N_OUTPUT = 784, (512, 256, 128), 10
LEARNING_RATE = 1e-4
N_ITERATIONS = 1000
BATCH_SIZE = 128
DROPOUT = 0.5
N_VALIDATION = 5000  # set aside, as the tutorials' own reader of the files did


def build_graph():
    """Returns the placeholders, the loss, the training operation, the guess and the accuracy."""
    images = tf.placeholder('float', [None, N_INPUT])
    labels = tf.placeholder('float', [None, N_OUTPUT])
    keep_prob = tf.placeholder(tf.float32)

    layer, widths = images, (N_INPUT, *N_HIDDEN, N_OUTPUT)
    for width_in, width_out in zip(widths[:-2], widths[1:-1]):
        weights = tf.Variable(tf.truncated_normal([width_in, width_out], stddev=0.1))
        biases = tf.Variable(tf.constant(0.1, shape=[width_out]))
        layer = tf.add(tf.matmul(layer, weights), biases)
    tf.nn.dropout(layer, keep_prob)  # its result goes nowhere
    weights = tf.Variable(tf.truncated_normal([widths[-2], N_OUTPUT], stddev=0.1))
    logits = tf.matmul(layer, weights) + tf.Variable(tf.constant(0.1, shape=[N_OUTPUT]))

    cross_entropy = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    train_step = tf.train.AdamOptimizer(LEARNING_RATE).minimize(cross_entropy)
    guess = tf.argmax(logits, 1)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(guess, tf.argmax(labels, 1)), tf.float32))
    return images, labels, keep_prob, cross_entropy, train_step, guess, accuracy


def main():
    """Trains, prints every 100 steps, tests, guesses the picture; ends with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True)
    parser.add_argument('--picture', required=True, help='a 28 by 28 picture, dark on light')
    parser.add_argument('--seed', type=int, help='by default a different one each time')
    arguments = parser.parse_args()
    tf.disable_v2_behavior()
    tf.set_random_seed(arguments.seed)

    digits = load_digits(arguments.data_dir)
    train_images = digits.train_images[N_VALIDATION:]
    one_hot = np.eye(N_OUTPUT, dtype=np.float32)
    train_labels = one_hot[digits.train_labels[N_VALIDATION:]]

    images, labels, keep_prob, cross_entropy, train_step, guess, accuracy = build_graph()
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    generator = np.random.default_rng(arguments.seed)
    batches = shuffled_batches(len(train_images), BATCH_SIZE, N_ITERATIONS, generator)
    for number, indices in enumerate(batches):
        feed = {images: train_images[indices], labels: train_labels[indices]}
        session.run(train_step, feed_dict={**feed, keep_prob: DROPOUT})
        if number % 100 == 0:
            loss, batch_accuracy = session.run([cross_entropy, accuracy], feed_dict={**feed, keep_prob: 1.0})
            print(f'Iteration {number}\t| Loss = {loss}\t| Accuracy = {batch_accuracy}')

    test_feed = {images: digits.test_images, labels: one_hot[digits.test_labels], keep_prob: 1.0}
    test_accuracy = session.run(accuracy, feed_dict=test_feed)
    print('Accuracy on test set:', test_accuracy)
    picture = np.invert(Image.open(arguments.picture).convert('L')).ravel()
    prediction = session.run(guess, feed_dict={images: [picture]})[0]
    print('Prediction for test image:', prediction)
    print_json(test_accuracy=round(float(test_accuracy), 4), prediction=int(prediction))


if __name__ == '__main__':
    main()
