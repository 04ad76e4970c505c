"""Well-known Keras programs for MNIST, written as one would today: what recipes.py, convnets.py and whole_job.py compare with.

`keras_512`, `keras_128_128`, `keras_512_512_*`: each is also a recipe in flags/.
`keras_convnet`: Keras's own convolutional example, "Simple MNIST convnet".
`keras_main_job`: what `python -m mnist_graph.main` does by default: 1000 steps, a test, and one picture read.

    python benchmarks/keras_programs.py --program=keras_512 --data_dir=mnist --seed=0

Prints what Keras prints, then one line of JSON with the test accuracy, the seconds and the peak memory.
"""

import argparse
from typing import NamedTuple

import numpy as np
from peers.common import load_digits, print_json, timed


class Program(NamedTuple):
    """One program.

    Attributes:
      hidden: Units of each hidden layer, with ReLU.
      dropout: Fraction of the units of a layer that is dropped.
      dropout_after: Which hidden layers it follows: 'all' or 'last'.
      optimizer: Its name in keras.optimizers.
      learning_rate: Its rate.
      batch_size: Images in a step.
      epochs: Passes over the training images; 0 where `steps` counts.
      validation_split: Fraction of the training images, the last ones, that is not trained on.
      steps: Steps to train, in place of epochs, on all but the first N_VALIDATION images.
      convolutional: Whether two convolutions with max-pooling take the place of the hidden layers.
    """

    hidden: tuple[int, ...]
    dropout: float
    dropout_after: str
    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    validation_split: float = 0.0
    steps: int = 0
    convolutional: bool = False


N_VALIDATION = 5000  # as the package holds out by default
PROGRAMS = {
    'keras_512_512_20_epochs': Program((512, 512), 0.2, 'all', 'RMSprop', 1e-3, 128, 20),
    'keras_512_512_4_epochs': Program((512, 512), 0.2, 'all', 'RMSprop', 1e-3, 128, 4),
    'keras_512': Program((512,), 0.0, 'all', 'Adam', 1e-3, 64, 5),
    'keras_128_128': Program((128, 128), 0.0, 'all', 'Adam', 1e-3, 32, 3, validation_split=0.1),
    'keras_main_job': Program((512, 256, 128), 0.5, 'last', 'Adam', 1e-4, 128, 0, steps=1000),
    'keras_convnet': Program((), 0.5, 'last', 'Adam', 1e-3, 128, 15, validation_split=0.1, convolutional=True),
}


def build_model(program):
    """The compiled network of a Program: pixels [batch, 784] in [0, 1] to ten probabilities."""
    import keras  # not above: recipes.py reads PROGRAMS and needs no Keras
    from keras import layers

    model = keras.Sequential([keras.Input((784,))])
    if program.convolutional:
        model.add(layers.Reshape((28, 28, 1)))
        for filters in (32, 64):
            model.add(layers.Conv2D(filters, 3, activation='relu'))
            model.add(layers.MaxPooling2D(2))
        model.add(layers.Flatten())
    for units in program.hidden:
        model.add(layers.Dense(units, activation='relu'))
        if program.dropout and program.dropout_after == 'all':
            model.add(layers.Dropout(program.dropout))
    if program.dropout and program.dropout_after == 'last':
        model.add(layers.Dropout(program.dropout))
    model.add(layers.Dense(10, activation='softmax'))
    model.compile(
        optimizer=getattr(keras.optimizers, program.optimizer)(learning_rate=program.learning_rate),
        loss='sparse_categorical_crossentropy',
        metrics=['accuracy'],
    )
    return model


def fit(model, program, digits, seed):
    """Trains the model, on `digits` as from `load_digits`."""
    if not program.steps:
        model.fit(
            digits.train_images,
            digits.train_labels,
            batch_size=program.batch_size,
            epochs=program.epochs,
            validation_split=program.validation_split,
            verbose=2,
        )
        return
    # Whole passes over the images, and the part of another that makes up the steps.
    images, labels = digits.train_images[N_VALIDATION:], digits.train_labels[N_VALIDATION:]
    epochs, rest = divmod(program.steps, -(-len(images) // program.batch_size))
    if epochs:
        model.fit(images, labels, batch_size=program.batch_size, epochs=epochs, verbose=2)
    rows = np.random.default_rng(seed).permutation(len(images))[: rest * program.batch_size]
    model.fit(images[rows], labels[rows], batch_size=program.batch_size, verbose=2)


def read_picture(model, path):
    """The digit in a picture that is dark on light, as most scripts read it: grey, 28x28, inverted."""
    from PIL import Image

    pixels = 255 - np.asarray(Image.open(path).convert('L').resize((28, 28)))
    return int(model.predict(pixels.reshape(1, 784) / np.float32(255), verbose=0).argmax())


def main():
    """Trains and tests one program."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--program', required=True, choices=PROGRAMS)
    parser.add_argument('--data_dir', required=True, help='folder of the four gzipped IDX files')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--epochs', type=int, help="passes, in place of the program's own")
    parser.add_argument('--picture', help='a picture of a digit, dark on light, to read at the end')
    arguments = parser.parse_args()
    digits = load_digits(arguments.data_dir)

    import keras

    program = PROGRAMS[arguments.program]
    if arguments.epochs:
        program = program._replace(epochs=arguments.epochs, steps=0)
    keras.utils.set_random_seed(arguments.seed)
    model = build_model(program)
    _, (seconds, _) = timed(fit, model, program, digits, arguments.seed)
    _, accuracy = model.evaluate(digits.test_images, digits.test_labels, verbose=0)
    if arguments.picture:
        print('Prediction for the picture:', read_picture(model, arguments.picture))
    print_json(
        program=arguments.program,
        seed=arguments.seed,
        seconds_training=round(seconds, 3),
        test_accuracy=round(accuracy, 4),
    )


if __name__ == '__main__':
    main()
