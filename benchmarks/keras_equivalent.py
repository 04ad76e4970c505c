"""The same job as the package's main program, as one would write it in Keras today.

784-512-256-128-10, ReLU, dropout 0.5 on the last hidden layer, Adam at 1e-4, 1,000
steps of 128; then the test accuracy and the guess for one picture.

    python benchmarks/keras_equivalent.py --data_dir=mnist --picture=test_img.png
"""

import argparse

import keras
import numpy as np
from keras import layers
from peers.common import load_digits, print_json
from PIL import Image

BATCH_SIZE = 128
STEPS = 1000
SET_ASIDE = 5000  # left for validation, as the package leaves them


def main():
    """Trains, evaluates, guesses the picture; ends with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True)
    parser.add_argument('--picture', required=True, help='a 28 by 28 picture, dark on light')
    parser.add_argument('--learning_rate', type=float, default=1e-4)
    arguments = parser.parse_args()

    digits = load_digits(arguments.data_dir)
    images, labels = digits.train_images[SET_ASIDE:], digits.train_labels[SET_ASIDE:]
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(512, activation='relu'),
            layers.Dense(256, activation='relu'),
            layers.Dense(128, activation='relu'),
            layers.Dropout(0.5),
            layers.Dense(10, activation='softmax'),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(arguments.learning_rate),
        loss='sparse_categorical_crossentropy',
        metrics=['accuracy'],
    )
    # Two passes over the digits and the part of a third that makes up 1,000 steps.
    passes, rest = divmod(STEPS, -(-len(images) // BATCH_SIZE))
    model.fit(images, labels, batch_size=BATCH_SIZE, epochs=passes, verbose=2)
    rows = np.random.default_rng().permutation(len(images))[: rest * BATCH_SIZE]
    model.fit(images[rows], labels[rows], batch_size=BATCH_SIZE, verbose=2)

    _, test_accuracy = model.evaluate(digits.test_images, digits.test_labels, batch_size=1000, verbose=2)
    picture = 255 - np.asarray(Image.open(arguments.picture).convert('L').resize((28, 28)))
    scores = model.predict(picture.reshape(1, 784) / np.float32(255), verbose=0)
    print('Prediction for the picture:', scores.argmax())
    print_json(test_accuracy=round(test_accuracy, 4), prediction=int(scores.argmax()))


if __name__ == '__main__':
    main()
