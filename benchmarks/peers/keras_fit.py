"""The benchmark's network in Keras 3 on TensorFlow, trained with `Model.fit`.

Variant `default` compiles as a tutorial does; variant `100` runs 100 steps in
one execution; variant `plain` is `default` without XLA.

    python benchmarks/peers/keras_fit.py --data_dir=mnist --variant=100
"""

import os

from common import DROPOUT_RATE, NUM_CLASSES, Outcome, run_peer, timed

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ['KERAS_BACKEND'] = 'tensorflow'

import keras
import tensorflow as tf

EXTRA = {
    'default': {},
    'plain': {'jit_compile': False},
    '100': {'steps_per_execution': 100},
    'plain_100': {'steps_per_execution': 100, 'jit_compile': False},
}


def build_model(num_pixels, settings):
    """Returns the compiled perceptron; its output is the logits."""
    model = keras.Sequential(
        [keras.Input((num_pixels,))]
        + [keras.layers.Dense(width, activation='relu') for width in settings.hidden_units]
        + [keras.layers.Dropout(DROPOUT_RATE), keras.layers.Dense(NUM_CLASSES)]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **EXTRA[settings.variant],
    )
    return model


def fit_steps(model, images, labels, batch_size, steps):
    """Takes exactly `steps` steps: whole passes, then part of one.

    Only whole batches are given, so that no second batch shape has to be compiled.
    """
    per_pass = len(images) // batch_size
    passes, rest = divmod(steps, per_pass)
    for rows, epochs in ((per_pass * batch_size, passes), (rest * batch_size, 1)):
        if rows and epochs:
            model.fit(images[:rows], labels[:rows], batch_size=batch_size, epochs=epochs, verbose=0)


def train(digits, settings):
    """Trains with `fit`; the warm-up is a first call of it on the same model."""
    keras.utils.set_random_seed(settings.seed)
    images, labels = digits.train_images, digits.train_labels
    model = build_model(images.shape[1], settings)
    fit_steps(model, images, labels, settings.batch_size, settings.warmup)
    _, seconds = timed(fit_steps, model, images, labels, settings.batch_size, settings.steps)
    guesses = model.predict(digits.test_images, batch_size=1000, verbose=0).argmax(1)
    accuracy = float((guesses == digits.test_labels).mean())
    versions = f'keras {keras.__version__}, tensorflow {tf.__version__}'
    return Outcome(f'keras_{settings.variant}', seconds, accuracy, versions)


if __name__ == '__main__':
    run_peer(train, list(EXTRA), __doc__)
