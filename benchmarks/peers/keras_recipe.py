"""A recipe of flags/ in Keras, with its own layers, Adam and `fit`.

python benchmarks/peers/keras_recipe.py --recipe=fast_99 --data_dir=mnist
"""

import os

os.environ.setdefault('KERAS_BACKEND', 'tensorflow')

import keras
import recipe
from keras import layers, ops


class Distort(layers.Layer):
    """Looks every pixel up at the point that the coefficients say, by bilinear interpolation."""

    def call(self, pictures, coefficients):
        last = recipe.SIDE - 1
        points = ops.clip(ops.matmul(coefficients, recipe.basis()) + last / 2, 0, last)
        corner = ops.minimum(ops.floor(points), last - 1)
        down, right = ops.unstack(points - corner, 2, axis=1)
        row, column = ops.unstack(ops.cast(corner, 'int32'), 2, axis=1)
        index = row * recipe.SIDE + column

        def pixel(offset):
            return ops.take_along_axis(pictures, index + offset, axis=1)

        upper = pixel(0) * (1 - right) + pixel(1) * right
        lower = pixel(recipe.SIDE) * (1 - right) + pixel(recipe.SIDE + 1) * right
        return upper * (1 - down) + lower * down


class MomentsKeep(keras.callbacks.Callback):
    """Lets the moving averages of batch normalization move faster in the first steps, as the recipe's do."""

    def __init__(self, momentum, n_steps):
        super().__init__()
        self.momentum, self.keeps = momentum, recipe.average_keeps(recipe.BATCH_NORM_DECAY, n_steps)

    def on_train_batch_begin(self, batch, logs=None):
        self.momentum.assign(self.keeps[batch])


class Rates(keras.optimizers.schedules.LearningRateSchedule):
    """The recipe's learning rate at each step, from a table."""

    def __init__(self, rates):
        self.rates = rates

    def __call__(self, step):
        return ops.take(self.rates, ops.minimum(ops.cast(step, 'int32'), len(self.rates) - 1))


def batches(job):
    """Yields the inputs and labels of one mini-batch after the other, as `fit` takes them."""
    labels = recipe.smoothed(job.digits.train_labels, job.hparams.label_smoothing)
    for rows, coefficients in recipe.batches(job):
        pictures = job.digits.train_images[rows]
        yield pictures if coefficients is None else (pictures, coefficients), labels[rows]


def build_network(hparams, momentum):
    """Logits [batch, 10] of standardized pictures [batch, 784]; `momentum` is the variable of that of batch normalization."""
    pictures = keras.Input((recipe.SIDE**2,))
    layer = pictures
    plain = keras.initializers.TruncatedNormal(stddev=recipe.DEVIATION)
    weights = 'he_normal' if hparams.initializer == 'he_normal' else plain
    biases = keras.initializers.Constant(recipe.FIRST_BIASES[hparams.initializer])
    first = {'kernel_initializer': weights, 'bias_initializer': biases}
    for name, shape in list(recipe.weight_shapes(hparams).items())[:-1]:
        options = {'use_bias': not hparams.batch_norm, **first}
        if name.startswith('conv'):
            is_first = name == 'conv1'
            layer = layers.Reshape((recipe.SIDE, recipe.SIDE, 1))(layer) if is_first else layer
            layer = layers.Conv2D(shape[3], shape[0], padding='valid' if is_first else 'same', **options)(layer)
            layer = layer if name == 'conv2' else layers.MaxPooling2D(2)(layer)
        else:
            layer = layers.Dense(shape[-1], **options)(layers.Flatten()(layer))
        if hparams.batch_norm:
            normalize = layers.BatchNormalization(
                epsilon=recipe.BATCH_NORM_EPSILON, scale=False, beta_initializer=biases
            )
            normalize.momentum = momentum
            layer = normalize(layer)
        layer = layers.Activation('relu')(layer)
    logits = layers.Dense(10, **first)(layers.Flatten()(layer))
    return keras.Model(pictures, logits)


def main():
    """Trains the recipe and prints its test accuracy as one line of JSON."""
    job = recipe.read_job(('fit',), __doc__)
    hparams = job.hparams
    keras.utils.set_random_seed(hparams.seed)
    momentum = keras.Variable(0.0, trainable=False)
    network = trained = build_network(hparams, momentum)
    if hparams.augment or job.n_views > 1:
        inputs = [keras.Input((recipe.SIDE**2,)), keras.Input((2, len(recipe.basis())))]
        moving = keras.Model(inputs, network(Distort()(*inputs)))
        trained = moving if hparams.augment else network
    averages = {'use_ema': True, 'ema_momentum': hparams.ema_decay} if hparams.ema_decay else {}
    trained.compile(
        keras.optimizers.Adam(Rates(recipe.learning_rates(job)), **averages),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    callbacks = [MomentsKeep(momentum, job.n_steps)]
    trained.fit(batches(job), steps_per_epoch=job.n_steps, verbose=0, callbacks=callbacks)
    if averages:
        trained.optimizer.finalize_variable_values(trained.trainable_variables)

    def logits_of(pictures, coefficients):
        if coefficients is None:
            return network.predict(pictures, batch_size=1000, verbose=0)
        return moving.predict([pictures, coefficients], batch_size=1000, verbose=0)

    recipe.report('keras', job, recipe.guess(job, logits_of), f'keras {keras.__version__}')


if __name__ == '__main__':
    main()
