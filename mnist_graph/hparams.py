"""Every hyperparameter, defined once: type, default, bounds and help.

The command-line flags, the saved `hparams.json` and the search spaces of
sweeps are all made from the fields of `HParams`. To add a hyperparameter, add a
field here and use it where it has an effect.

    from mnist_graph.hparams import HParams
    HParams(learning_rate=3e-4, hidden_units=(256, 128))
"""

import dataclasses
import difflib
import json
import math
from collections.abc import Collection, Iterable
from typing import Any

from mnist_graph.base.errors import UsageError
from mnist_graph.base.spec import Spec, bool_field, enum_field, field, float_field, int_field, ints_field
from mnist_graph.choices.activations import ACTIVATIONS
from mnist_graph.choices.initializers import INITIALIZERS
from mnist_graph.choices.optimizers import OPTIMIZERS
from mnist_graph.choices.schedules import SCHEDULES

# Headings of --help, in its order.
TRAINING, DATA, NETWORK = 'training', 'data', 'network'
REGULARISATION, AUGMENTATION = 'regularisation', 'augmentation'
# With eval_steps=0 a training is validated about so many times: enough points for a curve, at little cost.
_DEFAULT_VALIDATIONS = 10


@dataclasses.dataclass(frozen=True)
class HParams:
    """One training run's hyperparameters, checked when made.

    The defaults are the tutorial's network with three changes: a ReLU after each
    hidden layer, dropout that has an effect, and validation.

    Raises:
      UsageError: A value has the wrong type or is out of bounds.
    """

    n_iterations: int = int_field(TRAINING, 1000, 'Training steps, of one mini-batch each.', 1, 100_000_000)
    n_epochs: int = int_field(
        TRAINING, 0, 'Passes over the training pictures; 0 trains for --n_iterations steps instead.', 0, 1_000_000
    )
    batch_size: int = int_field(TRAINING, 128, 'Pictures in each mini-batch.', 1, 1_000_000)
    learning_rate: float = float_field(
        TRAINING,
        1e-4,
        'Step size of the optimizer. With warm-up or a schedule, its highest value.',
        0,
        10,
        open_lower=True,
    )
    optimizer: str = enum_field(TRAINING, 'adam', 'Rule that turns gradients into updates', OPTIMIZERS)
    momentum: float = float_field(
        TRAINING,
        0.9,
        'Fraction of the previous update that --optimizer=momentum adds to each update.',
        0,
        1,
        open_upper=True,
    )
    learning_rate_schedule: str = enum_field(
        TRAINING, 'constant', 'What the learning rate does after its warm-up', SCHEDULES
    )
    warmup_steps: int = int_field(
        TRAINING,
        0,
        'Number of first steps in which the learning rate rises linearly to --learning_rate.',
        0,
        100_000_000,
    )
    eval_steps: int = int_field(
        TRAINING,
        0,
        'Steps from one validation to the next; 0 validates about ten times in the whole training. '
        'The last step is always validated.',
        0,
        100_000_000,
    )
    early_stopping_patience: int = int_field(
        TRAINING,
        0,
        'Stop after this many validations in a row without a new best accuracy; 0 never stops early.',
        0,
        1_000_000,
    )
    seed: int = int_field(
        TRAINING,
        0,
        'Number that fixes all random choices: first weights, batches, dropout, augmentation.',
        0,
        2**31 - 1,
    )

    init_checkpoint: str = field(
        TRAINING,
        '',
        'text',
        'Trained model to start from, instead of random weights: pretrained (the reader that is shipped with this '
        'package), the folder of a run, or none. You need not repeat the flags that describe its network.',
    )
    trainable: str = enum_field(
        TRAINING,
        'all',
        'Which layers are trained; the others keep the weights of --init_checkpoint',
        {'all': 'every one', 'last': 'only the last'},
    )

    n_validation: int = int_field(
        DATA,
        5000,
        'Pictures held out for validation, the first of the training set; by default a tenth of them, but at most 5000.',
        0,
        10_000_000,
    )

    model: str = enum_field(
        NETWORK,
        'mlp',
        'Kind of network',
        {'mlp': 'the layers of --hidden_units', 'cnn': 'three convolutions, then the layers of --hidden_units'},
    )
    hidden_units: tuple[int, ...] = ints_field(
        NETWORK,
        (512, 256, 128),
        'Units of each hidden layer, separated by commas, first layer first. An empty value means no hidden layer.',
        1,
        65_536,
        may_be_empty=True,
    )
    activation: str = enum_field(NETWORK, 'relu', 'Function of x that each hidden layer applies', ACTIVATIONS)
    initializer: str = enum_field(NETWORK, 'truncated_normal', 'Distribution of the first weights', INITIALIZERS)
    filters: tuple[int, ...] = ints_field(
        NETWORK,
        (32, 64, 64),
        'Channels of the three convolutions of --model=cnn, separated by commas.',
        1,
        4096,
        length=3,
    )
    kernel_sizes: tuple[int, ...] = ints_field(
        NETWORK,
        (5, 3, 3),
        'Height and width in pixels of the filters of the three convolutions of --model=cnn, separated by commas.',
        1,
        99,
        length=3,
    )
    batch_norm: bool = bool_field(
        NETWORK,
        'Batch normalization: shift and scale each hidden unit to mean 0 and standard deviation 1 over each batch.',
    )
    standardize: bool = bool_field(
        NETWORK, 'Shift and scale the pixels to mean 0 and standard deviation 1 over all pictures.'
    )
    deskew: bool = bool_field(
        NETWORK,
        'Make slanted digits upright by shearing them, in training (after --augment) and when the network is used.',
    )

    dropout: float = float_field(
        REGULARISATION, 0.5, 'Fraction of units dropped in training; keep_prob = 1 - dropout.', 0, 1, open_upper=True
    )
    dropout_layers: str = enum_field(
        REGULARISATION, 'last', 'Hidden layers that --dropout applies to', {'last': 'only the last', 'all': 'every one'}
    )
    input_dropout: float = float_field(
        REGULARISATION,
        0.0,
        'Fraction of input pixels set to 0 in training; the others are divided by the fraction kept.',
        0,
        1,
        open_upper=True,
    )
    weight_decay: float = float_field(
        REGULARISATION,
        0.0,
        'Decoupled weight decay: each step removes this fraction of every weight, times the learning rate.',
        0,
        100,
    )
    label_smoothing: float = float_field(
        REGULARISATION,
        0.0,
        'Instead of probability 1 for the right class, train with 1 minus this fraction, and share the fraction evenly '
        'among all classes.',
        0,
        1,
        open_upper=True,
    )
    ema_decay: float = float_field(
        REGULARISATION,
        0.0,
        'Decay of an exponential moving average of the weights, which predictions then use; 0 makes no average.',
        0,
        1,
        open_upper=True,
    )
    distillation_temperature: float = float_field(
        REGULARISATION,
        0.0,
        'Learn from a teacher (--teacher_model_dir) instead of the labels; the logits of both networks are divided '
        'by this temperature. 0 learns from the labels.',
        0,
        1000,
    )

    augment: bool = bool_field(
        AUGMENTATION, 'Turn, scale, shear, shift and bend every training picture differently each time it is used.'
    )
    augment_rotation: float = float_field(AUGMENTATION, 15.0, 'Largest turn, in degrees.', 0, 180)
    augment_scale: float = float_field(
        AUGMENTATION, 0.12, 'Largest change of size along each axis, as a fraction.', 0, 1, open_upper=True
    )
    augment_shear: float = float_field(
        AUGMENTATION, 0.15, 'Largest shear, in pixels sideways for each pixel down.', 0, 1
    )
    augment_shift: float = float_field(AUGMENTATION, 1.0, 'Largest shift along each axis, in pixels.', 0, 1000)
    augment_elastic: float = float_field(
        AUGMENTATION, 0.8, 'Standard deviation of the elastic displacements, in pixels.', 0, 100
    )
    augment_taper: float = float_field(
        AUGMENTATION,
        0.0,
        'Distort the pictures less towards the end: in this last fraction of the training, the distortion of each picture '
        'is multiplied by a random number from 0 to 1.',
        0,
        1,
    )

    def __post_init__(self):
        for name, spec in SPECS.items():
            object.__setattr__(self, name, spec.checked(name, getattr(self, name)))

    def total_steps(self, n_train: int) -> int:
        """Length of the training in steps; the last batch of n_epochs may be a short one.

        Args:
          n_train: Number of training pictures.

        Raises:
          UsageError: The warm-up is as long as the whole training, or longer, so the schedule would never begin.
        """
        n_steps = math.ceil(self.n_epochs * n_train / self.batch_size) if self.n_epochs else self.n_iterations
        if SCHEDULES[self.learning_rate_schedule].factor and self.warmup_steps >= n_steps:
            raise UsageError(
                f'warmup_steps={self.warmup_steps}: the whole training has only {n_steps} steps; '
                f'give a smaller --warmup_steps, or train longer.'
            )
        return n_steps

    def validation_interval(self, n_steps: int) -> int:
        """Steps from one validation to the next in a training of `n_steps`: `eval_steps`, or a tenth of them if that is 0."""
        return self.eval_steps or math.ceil(n_steps / _DEFAULT_VALIDATIONS)

    def to_dict(self) -> dict[str, Any]:
        """All values by name, as JSON can hold them (tuples become lists)."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = 'hyperparameters') -> 'HParams':
        """The inverse of `to_dict`; every name must be known.

        Raises:
          UsageError: An unknown name, or a value out of bounds; names `where`.
        """
        for name in values:
            if name not in SPECS:
                similar = closest(name, SPECS)
                hint = f' Did you mean {similar}?' if similar else ''
                raise UsageError(f'{where}: unknown hyperparameter {name!r}.{hint}')
        try:
            return cls(**values)
        except UsageError as error:
            raise UsageError(f'{where}: {error}') from None

    def to_flags(self, always: Collection[str] = ()) -> list[str]:
        """The command-line flags that turn the defaults into these values, in field order.

        n_iterations is left out beside n_epochs, where it has no effect and `main` refuses it.

        Args:
          always: Names of hyperparameters to write even if they have their default.
        """
        return [
            flag_text(name, getattr(self, name))
            for name in SPECS
            if (name in always or getattr(self, name) != DEFAULTS[name])
            and not (name == 'n_iterations' and self.n_epochs)
        ]


SPECS: dict[str, Spec] = {each.name: each.metadata['spec'] for each in dataclasses.fields(HParams)}
DEFAULTS: dict[str, Any] = {each.name: each.default for each in dataclasses.fields(HParams)}
ABOVE_ZERO, GIVEN = object(), object()
# Hyperparameters that must be the same for the weights of a trained model to fit.
ARCHITECTURE = ('model', 'hidden_units', 'activation', 'filters', 'kernel_sizes', 'batch_norm', 'standardize', 'deskew')
# Hyperparameters that have an effect only beside another: {name: (that other, the value it needs, ABOVE_ZERO or GIVEN)}.
NEEDS: dict[str, tuple[str, Any]] = {
    'momentum': ('optimizer', 'momentum'),
    'filters': ('model', 'cnn'),
    'kernel_sizes': ('model', 'cnn'),
    'dropout_layers': ('dropout', ABOVE_ZERO),
    'trainable': ('init_checkpoint', GIVEN),
    **{name: ('augment', True) for name in SPECS if name.startswith('augment_')},
}


def missing_flag(name: str, hparams: HParams) -> str:
    """The flag that is missing for the hyperparameter `name` of NEEDS to have an effect, as '--augment'; '' if none is."""
    other, value = NEEDS[name]
    if value is ABOVE_ZERO:
        return '' if getattr(hparams, other) > 0 else f'a --{other} above 0'
    if value is GIVEN:
        return '' if getattr(hparams, other) else f'--{other}'
    return '' if getattr(hparams, other) == value else flag_text(other, value)


def flag_text(name: str, value: Any) -> str:
    """`--name=value` as a flagfile or a command line takes it; see `Spec.flag`."""
    return SPECS[name].flag(name, value)


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like the misspelt `name`, or '' if none is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), '')


def parse(name: str, text: str) -> Any:
    """One value of hyperparameter `name` from its text on a command line; see `Spec.parse`."""
    return SPECS[name].parse(name, text)


def differences(old: HParams, new: HParams, ignore: tuple[str, ...] = ()) -> list[str]:
    """'learning_rate: 0.0001 -> 0.001' for each field that differs."""
    return [
        f'{name}: {json.dumps(a)} -> {json.dumps(b)}'
        for (name, a), b in zip(old.to_dict().items(), new.to_dict().values())
        if a != b and name not in ignore
    ]
