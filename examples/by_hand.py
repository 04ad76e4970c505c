"""The tutorial's program on this package: build the graph, feed it batch by batch, test it, read a picture.

    python examples/by_hand.py

The notebook docs/the-graph.ipynb takes the same steps one at a time.
"""

import numpy as np

from mnist_graph import HParams, data, graph, tf
from mnist_graph.pictures import extract

N_ITERATIONS = 1000
BATCH_SIZE = 128

mnist = data.load()  # 55,000 training, 5,000 validation and 10,000 test pictures
print(mnist.notice or mnist.name)  # the notice says so if these are drawn digits, as MNIST could not be downloaded
network = graph.build(HParams(learning_rate=1e-4, hidden_units=(512, 256, 128)), mnist.input_spec())
X, Y, keep_prob = network.X, network.Y, network.keep_prob
random = np.random.default_rng(0)


def feed(split: data.Split) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in [0, 1] and one-hot labels, as X and Y take them."""
    return data.to_input(split.images), data.one_hot(split.labels, len(mnist.class_names))


with tf.Session(graph=network.graph) as sess:
    sess.run(network.initializer)
    for i in range(N_ITERATIONS):
        batch_x, batch_y = feed(mnist.train[random.integers(len(mnist.train), size=BATCH_SIZE)])
        sess.run(network.train_step, feed_dict={X: batch_x, Y: batch_y, keep_prob: 0.5})
        if i % 100 == 0:
            minibatch_loss, minibatch_accuracy = sess.run(
                [network.cross_entropy, network.accuracy], feed_dict={X: batch_x, Y: batch_y, keep_prob: 1.0}
            )
            print(f'Iteration {i}\t| Loss = {minibatch_loss:.2f}\t| Accuracy = {minibatch_accuracy:.2f}')

    test_x, test_y = feed(mnist.test)
    test_accuracy = sess.run(network.accuracy, feed_dict={X: test_x, Y: test_y, keep_prob: 1.0})
    print(f'Accuracy on test set: {test_accuracy:.4f}')

    img = extract.picture_to_digit('test_img.png').ravel()  # float32 [784] in [0, 1]
    prediction = sess.run(tf.argmax(network.output_layer, 1), feed_dict={X: [img], keep_prob: 1.0})
    print('Prediction for test image:', mnist.class_names[prediction[0]])
