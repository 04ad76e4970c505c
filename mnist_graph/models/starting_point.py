"""Starting a training from the weights of a trained model, --init_checkpoint.

Taken over is what predictions use: weights, or their moving averages where there are any, the moving averages of batch
normalization, and the mean and deviation by which pictures are standardized. The optimizer starts anew.
"""

import dataclasses
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mnist_graph.base.errors import UsageError
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import ARCHITECTURE, DEFAULTS, HParams, differences
from mnist_graph.models import pretrained, saved_model
from mnist_graph.models.saved_model import Found

if TYPE_CHECKING:
    from mnist_graph.network.model import Model

FLAG = '--init_checkpoint'


def find(init_checkpoint: str | os.PathLike) -> Found:
    """The one model that a training starts from.

    Raises:
      UsageError: Several are named.
      CheckpointError: There is no whole model.
    """
    found = saved_model.find([init_checkpoint], flag=FLAG)
    if len(found.folders) != 1:
        raise UsageError(f'{FLAG}={init_checkpoint}: a training starts from one model; give one folder.')
    return found


def resolved(hparams: HParams, given: tuple[str, ...] = ()) -> HParams:
    """The hyperparameters with the whole path of the model to start from, and with its architecture where none is given.

    Args:
      hparams: With init_checkpoint or without.
      given: Names of the hyperparameters that were asked for, which stay as they are.

    Raises:
      UsageError, CheckpointError: As of `find`.
    """
    if not hparams.init_checkpoint:
        return hparams
    found = find(hparams.init_checkpoint)
    (folder,), (described,) = found.folders, found.descriptions
    whole = pretrained.NAME if folder == pretrained.FOLDER else os.path.realpath(folder)
    taken = {name: getattr(described.hparams, name) for name in ARCHITECTURE if name not in given}
    return dataclasses.replace(hparams, init_checkpoint=whole, **taken)


def real_folder(init_checkpoint: str) -> str:
    """The folder of the model to start from, to which no link leads; '' stays, and so does the shipped reader's name.

    Raises:
      UsageError, CheckpointError: As of `find`.
    """
    if not init_checkpoint:
        return ''
    (folder,) = find(init_checkpoint).folders
    return pretrained.NAME if folder == pretrained.FOLDER else folder


class StartingPoint(NamedTuple):
    """A trained model that fits a training.

    Attributes:
      model: With arrays; without its last layer if that starts with random weights.
      spec: The training's, with the model's standardization.
      notice: A line that says what is taken over.
    """

    model: 'Model'
    spec: InputSpec
    notice: str

    def apply(self, network, sess) -> None:
        """Gives the session's variables the model's values.

        Each has a run of its own: a variable and its average are initialized from the same tensor, which can be fed
        one value only.
        """
        pairs = []
        for variables, arrays in ((network.weights, self.model.weights), (network.biases, self.model.biases)):
            for name, array in arrays.items():
                pairs += [(variables[name], array)]
                pairs += [(network.averages[variables[name].op.name], array)] if network.averages else []
        for name, moments in self.model.moments.items():
            pairs += list(zip(network.moments[name], moments))
        for variable, array in pairs:
            sess.run(variable.initializer, {variable.initializer.inputs[1]: array})


def load(hparams: HParams, spec: InputSpec, class_names: tuple[str, ...]) -> StartingPoint:
    """Loads what a training starts from, if it fits.

    Args:
      hparams: Of the training, with init_checkpoint.
      spec: The shape of its pictures.
      class_names: Its classes. If all are among the model's, the last layer keeps what it knows of them.

    Raises:
      UsageError: The network or the pictures are others; says which.
      CheckpointError: There is no whole model.
    """
    from mnist_graph.models import constants

    found = find(hparams.init_checkpoint)
    (described,), (saved,) = found.descriptions, found.checkpoints
    _check_fits(hparams, spec, described)
    model = constants.load(described, saved)
    weights, biases = dict(model.weights), dict(model.biases)
    if set(class_names) <= set(described.class_names):
        columns = np.array([described.class_names.index(name) for name in class_names])
        weights['out'], biases['out'] = weights['out'][:, columns], biases['out'][columns]
        left = len(described.class_names) - len(class_names)
        last = (
            f'all layers are taken over, the last without {left} of its classes'
            if left
            else 'all layers are taken over'
        )
    else:
        del weights['out'], biases['out']
        last = f'the last layer starts with random weights, for {len(class_names)} classes instead of {len(described.class_names)}'
        if len(class_names) == len(described.class_names):
            last = 'the last layer starts with random weights, for other classes'
    taken = spec._replace(pixel_mean=described.input_spec.pixel_mean, pixel_std=described.input_spec.pixel_std)
    notice = f'Starting from {hparams.init_checkpoint}, step {saved.step}: {last}.'
    return StartingPoint(model._replace(weights=weights, biases=biases), taken, notice)


def _check_fits(hparams: HParams, spec: InputSpec, described) -> None:
    different = differences(described.hparams, hparams, ignore=tuple(set(DEFAULTS) - set(ARCHITECTURE)))
    if hparams.model == described.hparams.model == 'mlp':
        different = [each for each in different if not each.startswith(('filters:', 'kernel_sizes:'))]
    if different:
        raise UsageError(
            f'{FLAG}={hparams.init_checkpoint}: is another network ({"; ".join(different)}); leave these flags out, or '
            f'give another model.'
        )
    if spec[:3] != described.input_spec[:3]:
        theirs, ours = ('x'.join(map(str, each[:3])) for each in (described.input_spec, spec))
        raise UsageError(
            f'{FLAG}={hparams.init_checkpoint}: reads pictures of {theirs}, and the data set has {ours}; give another model.'
        )
