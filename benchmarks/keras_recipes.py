"""Well-known Keras programs for MNIST as they would be written today, for comparison.

Each recipe is also a flag file of this package in flags/; recipes.py runs the two
side by side. Prints what Keras prints, then one line of JSON.

    python benchmarks/keras_recipes.py --recipe=keras_512 --data_dir=mnist --seed=0
"""

import argparse
from typing import NamedTuple

from peers.common import load_digits, print_json, timed


class Recipe(NamedTuple):
    """Widths of the ReLU layers, dropout after each, optimizer, batch, passes, share set aside."""

    hidden: tuple[int, ...]
    dropout: float
    optimizer: str
    batch_size: int
    epochs: int
    validation_split: float


LEARNING_RATE = 1e-3
RECIPES = {
    'keras_512_512_20_epochs': Recipe((512, 512), 0.2, 'RMSprop', 128, 20, 0.0),
    'keras_512_512_4_epochs': Recipe((512, 512), 0.2, 'RMSprop', 128, 4, 0.0),
    'keras_512': Recipe((512,), 0.0, 'Adam', 64, 5, 0.0),
    'keras_128_128': Recipe((128, 128), 0.0, 'Adam', 32, 3, 0.1),
}


def build_model(recipe):
    """Returns the compiled network of `recipe`."""
    import keras  # not above: recipes.py reads RECIPES and needs no Keras
    from keras import layers

    model = keras.Sequential([keras.Input((784,))])
    for width in recipe.hidden:
        model.add(layers.Dense(width, activation='relu'))
        if recipe.dropout:
            model.add(layers.Dropout(recipe.dropout))
    model.add(layers.Dense(10, activation='softmax'))
    model.compile(
        optimizer=getattr(keras.optimizers, recipe.optimizer)(learning_rate=LEARNING_RATE),
        loss='sparse_categorical_crossentropy',
        metrics=['accuracy'],
    )
    return model


def main():
    """Trains one recipe and prints its test accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--recipe', required=True, choices=RECIPES)
    parser.add_argument('--data_dir', required=True, help='folder of the four gzipped IDX files')
    parser.add_argument('--seed', type=int, default=0)
    arguments = parser.parse_args()

    import keras

    recipe = RECIPES[arguments.recipe]
    keras.utils.set_random_seed(arguments.seed)
    digits = load_digits(arguments.data_dir)
    model = build_model(recipe)
    _, (seconds, _) = timed(
        lambda: model.fit(
            digits.train_images,
            digits.train_labels,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            validation_split=recipe.validation_split,
            verbose=2,
        )
    )
    _, test_accuracy = model.evaluate(digits.test_images, digits.test_labels, verbose=0)
    print_json(
        recipe=arguments.recipe,
        seed=arguments.seed,
        seconds_training=round(seconds, 3),
        test_accuracy=round(test_accuracy, 4),
    )


if __name__ == '__main__':
    main()
