"""Keras's own convolutional example for MNIST ("Simple MNIST convnet", keras.io), written anew.

Two convolutions with max-pooling, dropout of 0.5, Adam, 15 passes over 54,000 digits
in batches of 128. Its page says about 99% on the test set.

    python benchmarks/keras_convnet.py --data_dir=mnist --seed=0
"""

import keras
from keras import layers
from peers.common import load_digits, parse_example, print_json

BATCH_SIZE = 128
EPOCHS = 15
SET_ASIDE = 0.1  # for validation: a fraction


def build_model():
    """The compiled network: images [batch, 28, 28, 1] in [0, 1] to ten probabilities."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation='relu'),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation='relu'),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation='softmax'),
        ]
    )
    model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
    return model


def main():
    """Trains it and prints its test accuracy, in one line of JSON at the end."""
    arguments = parse_example(__doc__, EPOCHS)
    keras.utils.set_random_seed(arguments.seed)
    digits = load_digits(arguments.data_dir)
    model = build_model()
    model.fit(
        digits.train_images.reshape(-1, 28, 28, 1),
        digits.train_labels,
        batch_size=BATCH_SIZE,
        epochs=arguments.epochs,
        validation_split=SET_ASIDE,
        verbose=2,
    )
    _, accuracy = model.evaluate(digits.test_images.reshape(-1, 28, 28, 1), digits.test_labels, verbose=0)
    print_json(name='keras_convnet', seed=arguments.seed, test_accuracy=round(accuracy, 4))


if __name__ == '__main__':
    main()
