"""Search spaces: what --search means, and what it refuses."""

import pytest

from mnist_graph.base.errors import UsageError
from mnist_graph.sweeps import search_space
from mnist_graph.sweeps.search_space import Choices, RandomPoints, Range


@pytest.mark.parametrize(
    'name, spec, expected',
    [
        ('batch_size', '64,128', Choices((64, 128))),
        ('learning_rate', '1e-4, 3e-4', Choices((1e-4, 3e-4))),
        ('activation', 'relu', Choices(('relu',))),
        ('augment', 'true,false', Choices((True, False))),
        ('hidden_units', '512x256x128,128,none', Choices(((512, 256, 128), (128,), ()))),
        ('dropout', '0.1:0.5', Range(0.1, 0.5)),
        ('learning_rate', 'log:1e-5:1e-2', Range(1e-5, 1e-2, log=True)),
        ('warmup_steps', 'int:0:500', Range(0, 500, whole=True)),
        ('warmup_steps', 'int:0:500:100', Range(0, 500, whole=True, step=100)),
        ('batch_size', 'log:16:512', Range(16, 512, log=True, whole=True)),
        ('init_checkpoint', r'C:\runs\a,none,pretrained', Choices((r'C:\runs\a', '', 'pretrained'))),
    ],
)
def test_a_spec_and_back(name, spec, expected):
    assert search_space.parse_spec(name, spec) == expected
    assert search_space.parse_spec(name, search_space.to_text(expected)) == expected


@pytest.mark.parametrize(
    'argument, message',
    [
        ('hidden_units=512x256x,128', 'there is an empty value'),
        ('hidden_units=x8', 'there is an empty value'),
        ('learning_rat=1e-3,1e-4', r'Unknown flag --learning_rat to search\. Did you mean --learning_rate\?$'),
        ('num_threads=1,2', r'Unknown flag --num_threads to search\.'),
        ('learning_rate', r'search=learning_rate: must be FLAG=SPEC'),
        ('learning_rate=20', r'learning_rate=20\.0: must be a number above 0 and at most 10'),
        ('learning_rate=log:1e-5:20', r'at most 10'),
        ('learning_rate=log:1e-2:1e-5', r'lower end must be less'),
        ('dropout=log:0:0.5', r'must begin above 0'),
        ('dropout=0.1:0.2:0.3', r'a range is lo:hi'),
        ('dropout=int:0:1', r'--dropout is not a whole number'),
        ('dropout=', r'dropout='),
        ('batch_size=16:32', r'use int:16:32'),
        ('batch_size=int:16:32:0', r'the step must be a whole number from 1 to 16'),
        ('batch_size=int:16:32:17', r'the step must be a whole number from 1 to 16'),
        ('batch_size=64,64', r'64 is given twice'),
        ('batch_size=1.5,2', r'must be a whole number'),
        ('activation=relu:tanh', r'--activation takes no range; list its values, with commas between them\.$'),
        (
            'hidden_units=64:32,128',
            r'--hidden_units takes no range; .* and x between the numbers of each, as in 512x256x128,128\.$',
        ),
        ('activation=relu,tan', r'must be one of'),
        ('hidden_units=5x-1', r'at least 1'),
        ('hidden_units=5,,6', r'empty value; write none'),
    ],
)
def test_a_bad_spec(argument, message):
    with pytest.raises(UsageError, match=message) as caught:
        search_space.parse([argument])
    assert '\n' not in str(caught.value)


def test_a_flag_searched_twice():
    with pytest.raises(UsageError, match='--dropout is searched twice'):
        search_space.parse(['dropout=0,0.1', 'dropout=0.2'])


def test_spaces_from_python():
    assert search_space.from_python(
        {'batch_size': [64, 128], 'hidden_units': [(8, 4)], 'dropout': '0:0.5'}
    ) == search_space.parse(['batch_size=64,128', 'hidden_units=8x4', 'dropout=0:0.5'])
    with pytest.raises(UsageError, match='batch_size=0'):
        search_space.from_python({'batch_size': [0]})
    with pytest.raises(UsageError, match='no value to try'):
        search_space.from_python({'batch_size': []})
    with pytest.raises(UsageError, match='learning_rate=0.1: give a list of values'):
        search_space.from_python({'learning_rate': 0.1})


def test_a_grid_goes_through_all_points_the_last_fastest():
    space = search_space.parse(['dropout=0,0.5', 'batch_size=1,2,3'])
    assert search_space.size(space) == 6
    points = [search_space.grid_point(space, index) for index in range(6)]
    assert [tuple(point.values()) for point in points] == [(0, 1), (0, 2), (0, 3), (0.5, 1), (0.5, 2), (0.5, 3)]
    assert all(list(point) == ['dropout', 'batch_size'] for point in points)


def test_draws_go_through_the_whole_range():
    assert Range(0.0, 2.0).draw(0.25) == 0.5
    assert Range(1e-4, 1e-2, log=True).draw(0.5) == pytest.approx(1e-3)
    assert [Range(0, 500, whole=True, step=250).draw(fraction) for fraction in (0, 0.34, 0.67, 0.999)] == [
        0,
        250,
        500,
        500,
    ]
    assert [Range(1, 8, log=True, whole=True).draw(fraction) for fraction in (0, 0.9999)] == [1, 8]


def test_random_points_depend_on_seed_and_index_alone():
    space = search_space.parse(
        ['learning_rate=log:1e-5:1e-2', 'dropout=0:0.5', 'batch_size=16,32', 'activation=relu,tanh']
    )
    random_points = RandomPoints(space, 7)
    points = [random_points[index] for index in range(200)]
    assert points[3] == RandomPoints(space, 7)[3] != RandomPoints(space, 8)[3]
    assert all(1e-5 <= point['learning_rate'] <= 1e-2 and 0 <= point['dropout'] <= 0.5 for point in points)
    # Each decade of the learning rate gets a third of the points, within 4 standard deviations (of 6.7).
    assert all(
        abs(sum(low <= point['learning_rate'] < 10 * low for point in points) - 200 / 3) < 27
        for low in (1e-5, 1e-4, 1e-3)
    )
    # One hyperparameter tells nothing of another: the correlation of 200 pairs is within 4 / sqrt(200).
    dropouts, first = [point['dropout'] for point in points], [point['batch_size'] == 16 for point in points]
    assert abs(sum((a - 0.25) * (b - 0.5) for a, b in zip(dropouts, first)) / 200 / (0.144 * 0.5)) < 0.29


@pytest.mark.parametrize(
    'search', [['dropout=0,0.5', 'batch_size=1,2,3,4'], ['warmup_steps=int:0:3', 'augment=true,false']]
)
def test_random_points_are_not_repeated_until_all_were_tried(search):
    space = search_space.parse(search)
    assert search_space.size(space) == 8
    for seed in range(20):
        random_points = RandomPoints(space, seed)
        points = [tuple(random_points[index].values()) for index in range(8)]
        assert len(set(points)) == 8
        with pytest.raises(IndexError):
            random_points[8]
    assert points != sorted(points)


def test_sizes_of_spaces():
    assert search_space.size(search_space.parse(['warmup_steps=int:0:500:100', 'batch_size=log:1:8'])) == 6 * 8
    assert search_space.size(search_space.parse(['dropout=0:0.5', 'batch_size=1,2'])) == float('inf')
