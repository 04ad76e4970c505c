"""`hparams.json`: everything needed to rebuild a run's network, and to know what it was trained on."""

import json
import os
from typing import Any, NamedTuple

from mnist_graph import __version__
from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.base.inputs import InputSpec
from mnist_graph.choices.datasets import PICTURES
from mnist_graph.data import Dataset, look_like_digits
from mnist_graph.hparams import HParams, differences
from mnist_graph.training import trained_with
from mnist_graph.training.trained_with import TrainedWith

FILENAME = 'hparams.json'
FORMAT = 1
_MAX_BYTES = 1_000_000


class Description(NamedTuple):
    """What a model folder says of itself.

    Attributes:
      hparams: The hyperparameters.
      input_spec: Shape and scaling of the pictures, number of classes.
      class_names: What each label stands for.
      reads_digits: Whether pictures are to be made into MNIST's 28x28 digits before they are fed.
      dataset: Name of the data set.
      fingerprint: Its fingerprint; see `data.Dataset`.
      dataset_flag, data_dir: How it was asked for, so that later commands find it again.
      teacher_model_dirs, teacher_fingerprint: Of the `teachers.Teacher` it learned from; () and '' if none.
      n_train: Pictures trained on.
      package_version: What made it.
      trained_with: TensorFlow's version and numbers of threads, each from its step on; at least one.
      pictures: How class folders of pictures were read, 'raw' or 'digits'; 'auto' if that is not known.
    """

    hparams: HParams
    input_spec: InputSpec
    class_names: tuple[str, ...]
    reads_digits: bool
    dataset: str
    fingerprint: str
    dataset_flag: str
    data_dir: str
    teacher_model_dirs: tuple[str, ...]
    teacher_fingerprint: str
    n_train: int
    package_version: str
    trained_with: tuple[TrainedWith, ...]
    pictures: str = 'auto'

    @property
    def n_threads(self) -> int:
        """Cores used last."""
        return self.trained_with[-1].n_threads


# Earlier versions did not write these: they had no teachers, and how pictures are read was as the data looked.
_REQUIRED = set(Description._fields) - {'reads_digits', 'teacher_model_dirs', 'teacher_fingerprint', 'pictures'}


def describe(
    hparams: HParams,
    dataset: Dataset,
    dataset_flag: str,
    data_dir: str | os.PathLike | None,
    n_threads: int,
    tensorflow_version: str,
    teacher=None,
    n_towers: int = 1,
) -> Description:
    """The description of a run that is about to begin; `teacher` is the `teachers.Teacher` that it learns from."""
    data_dir = os.path.abspath(files.expand_user(data_dir)) if data_dir else ''
    return Description(
        hparams,
        dataset.input_spec(hparams.standardize),
        dataset.class_names,
        dataset.reads_digits,
        dataset.name,
        dataset.fingerprint,
        dataset.flag_for_again(dataset_flag),
        data_dir,
        teacher.model_dirs if teacher else (),
        teacher.fingerprint if teacher else '',
        len(dataset.train),
        __version__,
        (TrainedWith(0, tensorflow_version, n_threads, n_towers),),
        {True: 'digits', False: 'raw', None: 'auto'}[dataset.made_digits],
    )


def check_same_origin(folder: str, saved: Description, wanted: Description) -> None:
    """Raises UsageError unless both learn from the same data and the same teacher."""
    if saved.fingerprint != wanted.fingerprint:
        raise UsageError(
            f'{folder}: was trained on other data ({saved.dataset}, fingerprint {saved.fingerprint}, '
            f'now {wanted.dataset}, {wanted.fingerprint}); give the --data_dir or --dataset of then.'
        )
    if saved.teacher_fingerprint != wanted.teacher_fingerprint:
        raise UsageError(
            f'{folder}: learned from another teacher ({", ".join(saved.teacher_model_dirs) or "none"}, '
            f'fingerprint {saved.teacher_fingerprint or "none"}, now {wanted.teacher_fingerprint or "none"}); '
            f'give it by --teacher_model_dir, as it was then.'
        )


def going_on(folder: str, saved: Description, now: Description, step: int) -> tuple[Description, str]:
    """`now` with the history of `saved`, of a run that goes on from `step`.

    Returns:
      The description; and a line without a full stop if the weights may get
      other last bits than before, else ''.
    """
    history, change = trained_with.going_on(saved.trained_with, now.trained_with[-1], step)
    return now._replace(trained_with=history), change and f'{folder}: {change}'


def check_resumable(saved: HParams, wanted: HParams, n_train: int) -> None:
    """Raises UsageError unless `wanted` continues `saved`: the same, or more steps if nothing depends on the planned end.

    Args:
      n_train: Pictures that the saved run trains on.
    """
    different = differences(saved, wanted, ignore=('n_iterations', 'n_epochs'))
    if different:
        raise UsageError(
            f'The run to resume has other hyperparameters ({"; ".join(different)}); '
            f'leave them out, or start a new run without --resume.'
        )
    longer = differences(saved, wanted)
    if longer and (saved.learning_rate_schedule != 'constant' or saved.augment_taper):
        raise UsageError(f'The run to resume was scheduled to its end, which cannot move ({"; ".join(longer)}).')
    if wanted.n_epochs > saved.n_epochs > 0 and saved.n_epochs * n_train % saved.batch_size:
        raise UsageError(
            f'The run to resume was to end with an epoch, with a short batch that a longer run would not '
            f'have ({"; ".join(longer)}); start a new run without --resume.'
        )
    n_steps = saved.total_steps(n_train)
    interval, later_interval = (each.validation_interval(each.total_steps(n_train)) for each in (saved, wanted))
    if longer and saved.early_stopping_patience and (interval != later_interval or n_steps % interval):
        raise UsageError(
            f'The run to resume was validated every {interval} steps and at step {n_steps}, its end; a longer run '
            f'would be validated at other steps, which --early_stopping_patience counts ({"; ".join(longer)}); '
            f'start a new run without --resume.'
        )
    if (
        wanted.n_iterations < saved.n_iterations
        or wanted.n_epochs < saved.n_epochs
        or bool(wanted.n_epochs) != bool(saved.n_epochs)
    ):
        raise UsageError(
            f'The run to resume is longer or counted otherwise ({"; ".join(longer)}); '
            f'its number of steps can only grow.'
        )


def write(folder: str, description: Description) -> None:
    """Writes `hparams.json` into the folder, atomically."""
    values = {'format': FORMAT, **description._asdict()}
    values['hparams'] = description.hparams.to_dict()
    values['input_spec'] = description.input_spec._asdict()
    values['trained_with'] = [each._asdict() for each in description.trained_with]
    files.write_json(os.path.join(folder, FILENAME), values)


def read(folder: str, flag: str = '--model_dir') -> Description:
    """Reads a model folder's `hparams.json`.

    Args:
      folder: The model folder.
      flag: The flag that gave it, for error messages.

    Raises:
      CheckpointError: There is none, it is damaged, it has unknown or missing
        entries, or another version of the package wrote it.
    """
    path = os.path.join(folder, FILENAME)
    try:
        with open(path, 'rb') as file:
            text = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise CheckpointError(
            f'{folder}: holds no model ({FILENAME} is missing); train one with '
            f'python -m mnist_graph.main, or give its {flag}.'
        ) from None
    except NotADirectoryError:
        raise CheckpointError(f'{folder}: is a file; {flag} must be a folder.') from None
    except OSError as error:
        raise CheckpointError(f'{path}: cannot be read ({error.strerror}); give another {flag}.') from None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise CheckpointError(f'{path}: is damaged: it is not JSON; give another {flag}.') from None
    if not isinstance(values, dict) or values.get('format') != FORMAT:
        found = values.get('format') if isinstance(values, dict) else None
        raise CheckpointError(
            f'{path}: has format {found!r}, but this version reads {FORMAT}; '
            f'use the version of mnist_graph that wrote it.'
        )
    return _checked(path, values)


def _checked(path: str, values: dict[str, Any]) -> Description:
    values.pop('format')
    if 'trained_with' not in values and {'tensorflow_version', 'n_threads'} <= set(values):  # as in version 1.0
        first = TrainedWith(0, values.pop('tensorflow_version'), values.pop('n_threads'), None)
        values['trained_with'] = [first._asdict()]
    unknown, missing = set(values) - set(Description._fields), _REQUIRED - set(values)
    if unknown or missing:
        problem = f'unknown entry {sorted(unknown)[0]!r}' if unknown else f'missing entry {sorted(missing)[0]!r}'
        raise CheckpointError(f'{path}: {problem}; it was edited, or written by another version.')
    try:
        values['hparams'] = HParams.from_dict(values['hparams'], path)
        values['input_spec'] = _input_spec(values['input_spec'])
        values['class_names'] = tuple(map(str, values['class_names']))
        values.setdefault('reads_digits', look_like_digits(values['input_spec'], values['class_names']))
        teachers = values.setdefault('teacher_model_dirs', [])
        if not isinstance(teachers, list) or not all(isinstance(folder, str) for folder in teachers):
            raise ValueError('teacher_model_dirs')
        values['teacher_model_dirs'] = tuple(teachers)
        values.setdefault('teacher_fingerprint', '')
        values['trained_with'] = trained_with.parse(values['trained_with'])
        description = Description(**values)
        if len(description.class_names) != description.input_spec.n_classes:
            raise ValueError('class_names')
        if not isinstance(description.reads_digits, bool) or (
            description.reads_digits and description.input_spec[:3] != (28, 28, 1)
        ):
            raise ValueError('reads_digits')
        if not isinstance(values['n_train'], int) or values['n_train'] < 1:
            raise ValueError('n_train')
        if description.pictures not in PICTURES:
            raise ValueError('pictures')
        for name in ('dataset', 'fingerprint', 'dataset_flag', 'data_dir', 'teacher_fingerprint'):
            if not isinstance(values[name], str):
                raise ValueError(name)
    except UsageError as error:
        raise CheckpointError(str(error)) from None
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f'{path}: has an entry that cannot be right ({error}).') from None
    return description


def _input_spec(values: dict[str, Any]) -> InputSpec:
    spec = InputSpec(**values)
    if not all(type(number) is int and 1 <= number <= 65_536 for number in spec[:4]):
        raise ValueError('input_spec')
    if not all(isinstance(number, (int, float)) and abs(number) < 1e6 for number in spec[4:]) or spec.pixel_std <= 0:
        raise ValueError('input_spec')
    return spec
