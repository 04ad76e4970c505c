"""Hyperparameters: defaults, bounds, texts, and the ways in and out of dictionaries and flags."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings

from helpers.any_hparams import ANY_HPARAMS
from mnist_graph import hparams as hparams_module
from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import DEFAULTS, SPECS, HParams, closest, differences, flag_text, parse

NUMBERS = [name for name, spec in SPECS.items() if spec.kind in ('int', 'float')]


def test_defaults_are_the_tutorials():
    hparams = HParams()
    assert hparams.learning_rate == 1e-4 and hparams.n_iterations == 1000 and hparams.batch_size == 128
    assert hparams.dropout == 0.5 and hparams.hidden_units == (512, 256, 128) and hparams.optimizer == 'adam'
    assert hparams.activation == 'relu' and hparams.n_validation == 5000 and hparams.dropout_layers == 'last'
    off = (
        'n_epochs',
        'label_smoothing',
        'weight_decay',
        'input_dropout',
        'ema_decay',
        'warmup_steps',
        'early_stopping_patience',
        'augment',
        'standardize',
    )
    assert not any(getattr(hparams, name) for name in off)


@pytest.mark.parametrize('name', SPECS)
def test_every_hyperparameter_says_what_it_is(name):
    spec = SPECS[name]
    assert len(spec.help) > 20 and spec.help.endswith('.') and '\n' not in spec.help
    if spec.kind in ('int', 'float', 'ints'):
        assert spec.lower is not None and spec.describe_bounds()
    if spec.kind == 'int':
        assert spec.upper is not None
    if spec.kind == 'enum':
        assert DEFAULTS[name] in spec.choices and len(spec.choices) > 1
    text = flag_text(name, DEFAULTS[name]).partition('=')[2]
    assert parse(name, text if spec.kind == 'text' else text or 'false') == DEFAULTS[name]


@pytest.mark.parametrize('name', NUMBERS)
def test_bounds_hold(name):
    spec = SPECS[name]
    step = 1 if spec.kind == 'int' else 1e-6
    HParams(**{name: spec.lower + (step if spec.open_lower else 0)})
    with pytest.raises(UsageError, match=f'^{name}=.*: must be a '):
        HParams(**{name: spec.lower - (0 if spec.open_lower else step)})
    if spec.upper is not None:
        HParams(**{name: spec.upper - (step if spec.open_upper else 0)})
        with pytest.raises(UsageError, match=name):
            HParams(**{name: spec.upper + (0 if spec.open_upper else step)})


@pytest.mark.parametrize(
    'values, message',
    [
        ({'learning_rate': 0}, 'learning_rate=0: must be a number above 0 and at most 10.'),
        ({'learning_rate': math.nan}, 'learning_rate=nan: must be a number above 0 and at most 10.'),
        ({'learning_rate': math.inf}, 'learning_rate=inf: must be a number above 0 and at most 10.'),
        ({'learning_rate': '1e-4'}, 'learning_rate=1e-4: must be a number above 0 and at most 10.'),
        ({'learning_rate': True}, 'learning_rate=True: must be a number above 0 and at most 10.'),
        ({'learning_rate': None}, 'learning_rate=None: must be a number above 0 and at most 10.'),
        ({'dropout': 1.0}, 'dropout=1.0: must be a number at least 0 and below 1.'),
        (
            {'hidden_units': '5,5'},
            'hidden_units=5,5: must be whole numbers in a tuple or a list, each at least 1 and at most 65536.',
        ),
        (
            {'hidden_units': 512},
            'hidden_units=512: must be whole numbers in a tuple or a list, each at least 1 and at most 65536.',
        ),
        ({'n_iterations': 0}, 'n_iterations=0: must be a whole number at least 1 and at most 100000000.'),
        (
            {'n_iterations': 10**5000},
            'n_iterations=a number of thousands of digits: must be a whole number at least 1 and at most 100000000.',
        ),
        ({'n_iterations': 2.0}, 'n_iterations=2.0: must be a whole number at least 1 and at most 100000000.'),
        ({'n_iterations': True}, 'n_iterations=True: must be a whole number at least 1 and at most 100000000.'),
        ({'seed': -1}, 'seed=-1: must be a whole number at least 0 and at most 2147483647.'),
        ({'seed': 2**31}, 'seed=2147483648: must be a whole number at least 0 and at most 2147483647.'),
        ({'activation': 'swish'}, 'activation=swish: must be one of linear, relu, sigmoid, tanh.'),
        ({'optimizer': ['adam']}, 'optimizer=adam: must be one of adam, rmsprop, momentum, gradient_descent, adagrad.'),
        ({'augment': 1}, 'augment=1: must be true or false.'),
        ({'augment': 'yes'}, 'augment=yes: must be true or false.'),
        (
            {'hidden_units': (5, 0)},
            'hidden_units=5,0: must be whole numbers separated by commas, each at least 1 and at most 65536.',
        ),
        ({'filters': ()}, 'filters=: must be 3 whole numbers separated by commas, each at least 1 and at most 4096.'),
        (
            {'filters': (8, 8)},
            'filters=8,8: must be 3 whole numbers separated by commas, each at least 1 and at most 4096.',
        ),
    ],
)
def test_bad_values_are_refused_in_one_clear_line(values, message):
    with pytest.raises(UsageError) as caught:
        HParams(**values)
    assert str(caught.value) == message


@pytest.mark.parametrize('name', SPECS)
def test_absurd_values_are_refused_like_others(name):
    for value in (10**400, -(10**400), 'a\nb', 'x' * 5000, {}, object(), [[]], [None], np.float32('nan'), b'1'):
        with pytest.raises(UsageError) as caught:
            HParams(**{name: value})
        assert '\n' not in str(caught.value) and len(str(caught.value)) < 300


def test_numbers_of_other_types_become_pythons_own():
    hparams = HParams(
        learning_rate=1, n_iterations=np.int64(5), hidden_units=[np.int32(3), 2], dropout=np.float32(0.25)
    )
    assert hparams == HParams(learning_rate=1.0, n_iterations=5, hidden_units=(3, 2), dropout=0.25)
    assert [type(getattr(hparams, name)) for name in ('learning_rate', 'n_iterations', 'dropout')] == [
        float,
        int,
        float,
    ]
    json.dumps(hparams.to_dict())


def test_no_hidden_layer_at_all_is_allowed():
    assert HParams(hidden_units=()).hidden_units == parse('hidden_units', '') == ()


@pytest.mark.parametrize(
    'name, text, value',
    [
        ('learning_rate', '3e-4', 3e-4),
        ('learning_rate', ' 1 ', 1.0),
        ('n_iterations', '12', 12),
        ('hidden_units', '512,256', (512, 256)),
        ('hidden_units', '512, 256', (512, 256)),
        ('hidden_units', '7', (7,)),
        ('augment', 'True', True),
        ('augment', '0', False),
        ('activation', 'tanh', 'tanh'),
        ('activation', 'Tanh', 'tanh'),
        ('optimizer', 'RMSProp', 'rmsprop'),
    ],
)
def test_parse(name, text, value):
    assert parse(name, text) == value and type(parse(name, text)) is type(value)


@pytest.mark.parametrize(
    'name, text',
    [
        ('learning_rate', 'fast'),
        ('learning_rate', 'nan'),
        ('learning_rate', '-1'),
        ('learning_rate', ''),
        ('n_iterations', '1e3'),
        ('n_iterations', '5.0'),
        ('n_iterations', '9' * 5000),
        ('hidden_units', '5;6'),
        ('hidden_units', '512,,256'),
        ('hidden_units', '512,'),
        ('hidden_units', '5,-6'),
        ('augment', 'maybe'),
        ('activation', 'swish'),
        ('activation', ''),
    ],
)
def test_parse_refuses(name, text):
    with pytest.raises(UsageError, match=f'^{name}='):
        parse(name, text)


@settings(max_examples=100, deadline=None)
@given(ANY_HPARAMS)
def test_round_trips_through_json_and_flag_texts(hparams):
    assert HParams.from_dict(json.loads(json.dumps(hparams.to_dict()))) == hparams
    values = dict(DEFAULTS)
    for text in hparams.to_flags():
        name, equals, value = text.removeprefix('--').partition('=')
        if not equals:
            name, value = (name, 'true') if name in SPECS else (name.removeprefix('no'), 'false')
        values[name] = parse(name, value)
    assert HParams(**values) == hparams


def test_none_is_no_model_to_start_from():
    assert HParams(init_checkpoint='none') == HParams() == HParams(init_checkpoint=parse('init_checkpoint', 'none'))


def test_to_flags_names_only_what_differs():
    assert HParams().to_flags() == []
    assert HParams(learning_rate=3e-4, hidden_units=(9, 8), augment=True, n_epochs=2).to_flags() == [
        '--n_epochs=2',
        '--learning_rate=0.0003',
        '--hidden_units=9,8',
        '--augment',
    ]
    assert HParams(n_iterations=7).to_flags() == ['--n_iterations=7']
    assert HParams(n_iterations=7, n_epochs=2).to_flags() == ['--n_epochs=2']  # n_iterations has no effect
    assert HParams().to_flags(always=('seed', 'activation')) == ['--seed=0', '--activation=relu']


def test_from_dict_refuses_unknown_names_and_says_where():
    with pytest.raises(
        UsageError, match=r"^here: unknown hyperparameter 'learning_rat'\. Did you mean learning_rate\?$"
    ):
        HParams.from_dict({'learning_rat': 1}, 'here')
    with pytest.raises(UsageError, match='^here: seed=-1: must be'):
        HParams.from_dict({'seed': -1}, 'here')


def test_closest_known_name():
    assert closest('hiden_units', SPECS) == 'hidden_units'
    assert closest('zzzzz', SPECS) == ''
    assert closest('b', ['ab']) == 'ab'


def test_groups_follow_each_other():
    """--help lists the hyperparameters by group, each group once."""
    groups = [spec.group for spec in SPECS.values()]
    assert list(dict.fromkeys(groups)) == [group for group, _ in itertools.groupby(groups)]
    assert all(groups) and len(set(groups)) == 5


def test_each_choice_is_explained():
    for name, spec in SPECS.items():
        if spec.kind == 'enum':
            assert all(f'{choice} (' in spec.help for choice in spec.choices), name


def test_validation_interval():
    assert HParams(eval_steps=7).validation_interval(1000) == 7
    assert [HParams().validation_interval(n) for n in (1, 10, 11, 1000, 1001)] == [1, 1, 2, 100, 101]


@pytest.mark.parametrize('schedule', ['linear', 'cosine'])
def test_warm_up_must_end_before_a_training_whose_rate_falls(schedule):
    hparams = HParams(learning_rate_schedule=schedule, warmup_steps=20, n_iterations=20)
    with pytest.raises(UsageError, match='warmup_steps=20: the whole training has only 20 steps'):
        hparams.total_steps(45)
    assert HParams(warmup_steps=20, n_iterations=20).total_steps(45) == 20


def test_hparams_json_of_an_earlier_version_can_be_read():
    """Its entries were in another order, and eval_steps was a number."""
    values = {**dict(reversed(HParams().to_dict().items())), 'eval_steps': 500}
    assert HParams.from_dict(values) == HParams(eval_steps=500)


def test_differences():
    assert differences(HParams(), HParams()) == []
    changed = HParams(learning_rate=1e-3, hidden_units=(5,), n_iterations=7)
    assert differences(HParams(), changed, ignore=('n_iterations',)) == [
        'learning_rate: 0.0001 -> 0.001',
        'hidden_units: [512, 256, 128] -> [5]',
    ]


def test_hparams_cannot_be_changed_after_checking():
    with pytest.raises(AttributeError):
        HParams().seed = -1


def test_describe_bounds():
    spec = hparams_module.Spec('float', 'x', 0, 1, open_lower=True, open_upper=True)
    assert spec.describe_bounds() == 'above 0 and below 1'
    assert [spec.allows(number) for number in (0, 0.5, 1, math.nan)] == [False, True, False, False]
