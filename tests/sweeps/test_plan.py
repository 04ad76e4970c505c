"""Sweeps as plans: points, their seeds, and when two sweeps are the same."""

import dataclasses
import itertools

import pytest

from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import HParams
from mnist_graph.sweeps import plan, search_space

GRID = ['learning_rate=0.1,0.01', 'dropout=0,0.5']


def make(search=GRID, base=HParams(), **options):
    return plan.make(search_space.parse(search), base, **options)


@pytest.mark.parametrize(
    'search, options, sampler, n_trials',
    [
        (GRID, {}, 'grid', 4),
        (GRID, {'n_trials': 3}, 'tpe', 3),
        (GRID, {'n_trials': 4}, 'grid', 4),
        (GRID, {'n_trials': 4, 'sampler': 'grid'}, 'grid', 4),
        (['dropout=0:0.5'], {'n_trials': 9}, 'tpe', 9),
        (['dropout=0:0.5'], {'n_trials': 9, 'sampler': 'random'}, 'random', 9),
    ],
)
def test_samplers(search, options, sampler, n_trials):
    made = make(search, **options)
    assert (made.sampler, made.n_trials) == (sampler, n_trials)


@pytest.mark.parametrize(
    'search, base, options, message',
    [
        ([], {}, {}, 'nothing to search'),
        (['dropout=0:0.5'], {}, {}, '--sampler=tpe needs --n_trials'),
        (['dropout=0:0.5'], {}, {'sampler': 'grid'}, 'a grid cannot be made over a range'),
        (GRID, {}, {'sampler': 'grid', 'n_trials': 5}, 'each of its 4 points'),
        (GRID, {}, {'n_trials': 5}, 'n_trials=5: the search has 4 different points'),
        (GRID, {}, {'n_trials': 5, 'sampler': 'random'}, '4 different points'),
        (['warmup_steps=int:0:3'], {}, {'n_trials': 5, 'sampler': 'random'}, '4 different points'),
        (GRID, {'n_validation': 0}, {}, 'ranked by their accuracy on validation images'),
        (['n_validation=0,5'], {}, {}, 'ranked by their accuracy on validation images'),
        (['augment_shift=1,2'], {}, {}, 'search=augment_shift: has no effect without --augment.'),
        (
            ['momentum=0.5,0.9'],
            {'optimizer': 'rmsprop'},
            {},
            'search=momentum: has no effect without --optimizer=momentum.',
        ),
        (['distillation_temperature=1,3'], {}, {}, 'distillation_temperature: the trials of a sweep have no teacher'),
        (
            ['seed=1,2'],
            {'distillation_temperature': 3.0},
            {},
            'distillation_temperature: the trials of a sweep have no teacher',
        ),
        (
            ['dropout_layers=last,all'],
            {'dropout': 0.0},
            {},
            'search=dropout_layers: has no effect without a --dropout above 0.',
        ),
        (['n_iterations=100,200'], {'n_epochs': 1}, {}, 'n_iterations: has no effect beside --n_epochs'),
        (['n_iterations=100,200', 'n_epochs=0,1'], {}, {}, 'n_iterations: has no effect beside --n_epochs'),
        (
            GRID,
            {'n_iterations': 500, 'eval_steps': 500},
            {'pruner': 'median'},
            '--eval_steps=500 is no less than --n_iterations=500',
        ),
    ],
)
def test_sweeps_that_make_no_sense(search, base, options, message):
    with pytest.raises(UsageError, match=message):
        make(search, HParams(**base), **options)


def test_parts_of_an_ingredient_are_searched_where_it_is_on():
    make(['augment_shift=1,2'], HParams(augment=True))
    make(['augment_shift=1,2', 'augment=true,false'])
    make(['momentum=0.5,0.9'], HParams(optimizer='momentum'))


@pytest.mark.parametrize(
    'search, largest', [(['dropout=0,0.5'], 70), (['n_validation=30,90,50'], 90), (['n_validation=int:10:40'], 40)]
)
def test_the_most_validation_pictures_of_a_trial(search, largest):
    assert plan.largest_validation(make(search, HParams(n_validation=70), n_trials=2, sampler='random')) == largest


def test_a_flag_both_fixed_and_searched():
    plan.check_free(search_space.parse(GRID), ['batch_size'])
    with pytest.raises(UsageError, match='--dropout is both fixed and searched'):
        plan.check_free(search_space.parse(GRID), ['batch_size', 'dropout'])


def test_seeds_belong_to_points():
    sweep = make()
    seeds = [sweep.hparams(sweep.values(point)).seed for point in range(4)]
    assert len(set(seeds)) == 4
    # Neither the order of the flags nor the other points matter, but the base seed does.
    other = make(['dropout=0.5,0.25', 'learning_rate=0.01'])
    assert other.hparams({'learning_rate': 0.01, 'dropout': 0.5}).seed == seeds[3]
    assert make(base=HParams(seed=1)).hparams(sweep.values(3)).seed != seeds[3]
    assert make(['seed=5,6']).hparams({'seed': 6}).seed == 6
    assert sweep.hparams({'learning_rate': 0.01, 'dropout': 0.5}).learning_rate == 0.01


def test_seeds_stay_what_they_were():
    """Else a sweep that goes on under a newer version would mix two trainings of the same values."""
    sweep = make()
    assert [sweep.hparams(sweep.values(point)).seed for point in range(4)] == [
        513407461,
        1278309344,
        1129822146,
        1530789780,
    ]


def test_a_random_search_over_lists_tries_every_point_once():
    sweep = make(sampler='random', n_trials=4)
    tried = list(sweep.all_random_values())
    assert tried == [sweep.values(point) for point in range(4)]
    assert {tuple(sorted(values.items())) for values in tried} == {
        (('dropout', dropout), ('learning_rate', rate)) for dropout in (0, 0.5) for rate in (0.1, 0.01)
    }
    assert make(base=HParams(seed=1), sampler='random', n_trials=4).values(0) in tried


def test_a_random_search_over_a_range_does_not_end():
    sweep = make(['dropout=0:0.5'], sampler='random', n_trials=2)
    tried = [values['dropout'] for values in itertools.islice(sweep.all_random_values(), 50)]
    assert len(set(tried)) == 50 and all(0 <= dropout <= 0.5 for dropout in tried)


def test_tpe_chooses_when_the_trial_begins():
    assert make(n_trials=3, sampler='tpe').values(0) is None


def test_the_format_of_descriptions_is_that_of_earlier_versions():
    assert make().describe()['format'] == 1


def test_descriptions_round_trip():
    sweep = dataclasses.replace(
        make(['hidden_units=8x4,none', 'learning_rate=log:1e-5:1e-2'], HParams(batch_size=7), n_trials=3),
        fingerprint='ab',
        dataset='tiny',
    )
    again = plan.from_description(sweep.describe(), 'here')
    assert again == sweep and not plan.differences(sweep, again)
    with pytest.raises(UsageError, match='here: is not a sweep of this version'):
        plan.from_description({'format': 99}, 'here')


@pytest.mark.parametrize(
    'search, base, options, expected',
    [
        (['learning_rate=0.1,0.02', 'dropout=0,0.5'], {}, {}, ['--search=learning_rate: "0.1,0.01" -> "0.1,0.02"']),
        (
            ['learning_rate=0.1,0.01'],
            {},
            {},
            ['--search=dropout: "0.0,0.5" -> "not given"', '--n_trials: 4 -> 2', '--dropout: "not given" -> 0.5'],
        ),
        (GRID, {'n_iterations': 7}, {}, ['--n_iterations: 1000 -> 7']),
        (GRID, {}, {'sampler': 'random', 'n_trials': 4}, ['--sampler: "grid" -> "random"']),
    ],
)
def test_differences_are_told(search, base, options, expected):
    assert sorted(plan.differences(make(), make(search, HParams(**base), **options))) == sorted(expected)


def test_a_sweep_may_grow_but_not_shrink():
    small, large = (make(['dropout=0:0.5'], n_trials=n) for n in (3, 5))
    assert not plan.differences(small, large)
    assert plan.differences(large, small) == ['--n_trials: 5 -> 3']


def test_the_name_of_the_data_set_is_its_folders_and_no_difference():
    sweep = dataclasses.replace(make(), fingerprint='aa', dataset='digits')
    assert plan.differences(sweep, dataclasses.replace(sweep, dataset='my_digits')) == []
    assert plan.differences(sweep, dataclasses.replace(sweep, fingerprint='bb')) == ['data set: "aa" -> "bb"']
