"""Draws one picture on its way through the graph: X, the hidden layers' activations, and the probabilities.

    python benchmarks/layers_figure.py --data_dir=mnist --picture=test_img.png docs/layers.png

Trains the default network, 784-512-256-128-10, for 1000 steps at a learning rate of 1e-3 first.
"""

import argparse

import measure
import numpy as np

from mnist_graph import data
from mnist_graph.base import tensorflow
from mnist_graph.hparams import HParams
from mnist_graph.pictures import extract
from mnist_graph.plots.canvas import BLUE, GREY, Drawing, show_picture

# (rows, columns) in which the units of a hidden layer are laid out.
SHAPES = {'layer_1': (32, 16), 'layer_2': (16, 16), 'layer_3': (16, 8)}


def trained_values(data_dir):
    """The weights and the biases of the trained network, two dicts of float32 arrays."""
    tf = tensorflow.import_tensorflow()
    from mnist_graph import graph, train

    hparams, mnist = HParams(learning_rate=1e-3), data.load(data_dir=data_dir)
    network = graph.build(hparams, mnist.input_spec())
    with tf.Session(graph=network.graph) as sess:
        sess.run(network.initializer)
        train.train(network, sess, hparams, mnist)
        return sess.run([network.weights, network.biases])


def activations(picture, weights, biases):
    """({layer: float32 [units]}, float32 [10] probabilities) of float32 [28, 28], as graph.py computes them."""
    layers, layer = {}, picture.ravel()
    for number in (1, 2, 3):
        layer = layers[f'layer_{number}'] = np.maximum(layer @ weights[f'w{number}'] + biases[f'b{number}'], 0)
    logits = layer @ weights['out'] + biases['out']
    exponentials = np.exp(logits - logits.max())
    return layers, exponentials / exponentials.sum()


def draw(picture, layers, probabilities, path):
    """Writes the figure: a panel for each stage, and arrows between them."""
    from matplotlib.patches import FancyArrowPatch

    with Drawing(path, 13, 3.9) as figure:
        panels = figure.subplots(1, 5, width_ratios=[1, 0.55, 0.8, 0.45, 1.1])
        show_picture(panels[0], picture[:, :, None])
        panels[0].set_title('X')
        panels[0].set_xlabel('784 pixels')
        for axes, (name, values) in zip(panels[1:], layers.items()):
            axes.imshow(values.reshape(SHAPES[name]), cmap='Blues_r', vmin=0)
            axes.set_title(name)
            axes.set_xlabel(f'{values.size} units')
            axes.set_xticks([])
            axes.set_yticks([])
        panels[4].barh(range(10), probabilities, color=BLUE)
        panels[4].set_yticks(range(10))
        panels[4].set_xticks([0, 0.5, 1])
        panels[4].invert_yaxis()
        panels[4].set_title('probabilities')
        panels[4].set_xlabel('softmax of output_layer')
        figure.get_layout_engine().set(wspace=0.12)
        figure.draw_without_rendering()  # which places the panels
        places = [axes.get_position() for axes in panels]
        for left, right in zip(places, places[1:]):
            room = (right.x0 - left.x1) * 0.2
            head = right.x0 - (room if right is not places[-1] else 0.022)  # the numbers beside the bars need room
            figure.patches.append(
                FancyArrowPatch(
                    (left.x1 + room, 0.53),
                    (head, 0.53),
                    transform=figure.transFigure,
                    arrowstyle='-|>',
                    mutation_scale=18,
                    color=GREY,
                    linewidth=1.5,
                )
            )


def main():
    """Trains, computes and draws."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True, type=measure.data_folder, help="folder of MNIST's four files")
    parser.add_argument('--picture', default='test_img.png', help='a picture of a digit')
    parser.add_argument('figure', help='file to write')
    arguments = parser.parse_args()
    picture = extract.picture_to_digit(arguments.picture)
    layers, probabilities = activations(picture, *trained_values(arguments.data_dir))
    draw(picture, layers, probabilities, arguments.figure)


if __name__ == '__main__':
    measure.run_main(main)
