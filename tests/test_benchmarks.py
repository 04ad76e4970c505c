"""What the benchmarks make of their measurements: tables and figures of made-up ones, and which trainings they compare."""

import asyncio
import json
import pathlib
import sys

import numpy as np
import pytest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[1] / 'benchmarks'
sys.path.insert(0, str(BENCHMARKS))

import ablation  # noqa: E402
import accuracy_figure  # noqa: E402
import measure  # noqa: E402
import scaling  # noqa: E402
import scaling_figure  # noqa: E402
import speed_figure  # noqa: E402
import speedrun  # noqa: E402
import step_floor  # noqa: E402
import sweep_throughput  # noqa: E402

import serving  # noqa: E402
from mnist_graph.hparams import DEFAULTS, HParams, parse  # noqa: E402

FAST = sorted(path.stem for path in (BENCHMARKS.parent / 'flags').glob('fast_*.flags'))


def write_lines(path, *runs):
    path.write_text(''.join(json.dumps(run) + '\n' for run in runs))
    return str(path)


def run_of(recipe, program, seed, seconds, accuracy, peak=800):
    return {
        'recipe': recipe,
        'program': program,
        'seed': seed,
        'seconds': seconds,
        'test_accuracy': accuracy,
        'peak_rss_mb': peak,
    }


RUNS = [
    run_of('keras_convnet', 'example', 0, 259, 0.9925, 1157),
    run_of('fast_98', 'JAX', 0, 15, 0.981),
    run_of('fast_98', 'mnist_graph', 0, 99, 0.5),  # measured again below
    run_of('fast_98', 'mnist_graph', 1, 12, 0.984),
    run_of('fast_98', 'mnist_graph', 0, 8, 0.98),
    run_of('fast_99', 'mnist_graph', 0, 20, 0.99),
]


def test_the_table_of_seconds_to_accuracy(tmp_path):
    results = speed_figure.read(
        [write_lines(tmp_path / 'one.jsonl', *RUNS[:3]), write_lines(tmp_path / 'two.jsonl', *RUNS[3:])]
    )
    assert speedrun.table_of(results).splitlines()[2:] == [
        '| `fast_98`, mnist_graph | 98.20 ± 0.28 | 10.0 ± 2.8 | 1.00 | 800 | 2 |',
        '| `fast_98`, JAX | 98.10 | 15.0 | 1.50 | 800 | 1 |',
        '| `fast_99`, mnist_graph | 99.00 | 20.0 | 1.00 | 800 | 1 |',
        '| `keras_convnet`, example | 99.25 | 259.0 | 1.00 | 1157 | 1 |',
    ]


@pytest.mark.parametrize('ending', ['png', 'svg'])
def test_the_figure_of_seconds_to_accuracy_is_drawn(tmp_path, monkeypatch, capsys, ending):
    figure = tmp_path / f'speed.{ending}'
    lines = write_lines(tmp_path / 'lines.jsonl', *RUNS)
    monkeypatch.setattr(sys, 'argv', ['speed_figure.py', lines, f'--figure={figure}'])
    speed_figure.main()
    assert figure.stat().st_size > 10_000 and capsys.readouterr().out.count('\n') == 6
    if ending == 'svg':
        assert "Keras's example" in figure.read_text()


@pytest.mark.parametrize('line', ['{', '[]', '{"recipe": "fast_98"}', '{"recipe": "a", "program": "of no library"}'])
def test_lines_that_are_no_runs_are_named(tmp_path, line):
    path = tmp_path / 'lines.jsonl'
    path.write_text(json.dumps(RUNS[0]) + '\n' + line + '\n')
    with pytest.raises(measure.BenchmarkError, match=r'lines.jsonl: line 2 is not a run'):
        speed_figure.read([str(path)])


@pytest.mark.parametrize('program', [ablation, accuracy_figure, scaling_figure])
def test_every_program_names_a_line_that_is_no_run(tmp_path, program):
    with pytest.raises(measure.BenchmarkError, match=r'lines.jsonl: line 1 is not a run of \w+.py'):
        program.read(write_lines(tmp_path / 'lines.jsonl', {'recipe': 'fast_98'}))


@pytest.mark.parametrize('recipe', FAST)
def test_each_ablation_is_the_recipe_without_one_ingredient(recipe):
    """And what only that ingredient gives an effect; all are trainings that the package takes."""

    def hparams(flags):
        pairs = [flag[2:].partition('=') for flag in flags]
        known = [pair for pair in pairs if pair[0] in DEFAULTS]  # --tta says how to test, not how to train
        return HParams(**{name: parse(name, text) if equals else True for name, equals, text in known}).to_dict()

    found = ablation.variations(BENCHMARKS.parent / f'flags/{recipe}.flags')
    whole = hparams(found.pop(ablation.WHOLE))
    assert '--batch_norm' in found and not any(left.startswith(('--model', '--n_epochs')) for left in found)
    for left, flags in found.items():
        changed = {name for name, value in hparams(flags).items() if value != whole[name]}
        name = left[2:].partition('=')[0]
        if name not in DEFAULTS:
            assert left not in flags and not changed
            continue
        assert name in changed and hparams(flags)[name] == HParams().to_dict()[name]
        assert changed == {name} or name == 'augment' and all(other.startswith('augment') for other in changed)
        assert all(hparams(flags)[other] == HParams(**{other: DEFAULTS[other]}).to_dict()[other] for other in changed)


def test_the_table_of_ablations(tmp_path):
    def line(left_out, seed, accuracy, seconds, recipe='fast_98'):
        measured = {'validation_accuracy': accuracy, 'processor_seconds': seconds}
        return {'recipe': recipe, 'left_out': left_out, 'seed': seed, **measured}

    lines = [
        line(ablation.WHOLE, 0, 0.98, 6),
        line('--batch_norm', 0, 0.97, 5),
        line(ablation.WHOLE, 1, 0.982, 7),
        line('--batch_norm', 1, 0.97, 5),
        line('--ema_decay=0.9', 1, 0.98, 6.5),
    ]
    runs = ablation.read(write_lines(tmp_path / 'lines.jsonl', *lines))
    assert ablation.table_of(runs).splitlines()[2:] == [
        '| `fast_98` | nothing | 98.10 ± 0.14 |  | 6.5 ± 0.7 |  | 2 |',
        '| `fast_98` | `--batch_norm` | 97.00 ± 0.00 | -1.10 | 5.0 ± 0.0 | -1.5 | 2 |',
        '| `fast_98` | `--ema_decay=0.9` | 98.00 | -0.20 | 6.5 | -0.5 | 1 |',
    ]


CORES = [
    {'what': what, 'value': value, 'ms_per_step': milliseconds}
    for what, value, milliseconds in (
        ('cores, batch of 128', 1, 8),
        ('cores, batch of 128', 2, 5),
        ('cores, batch of 2,048', 1, 80),
        ('cores, batch of 2,048', 2, 39),
        ('cores, batch of 2,048', 2, 40),
        ('cores, batch of 2,048', 2, 70),
        ('batch', 32, 2),
        ('batch', 8192, 100),
    )
]


def test_more_cores_by_amdahls_law(tmp_path):
    """Of 8 ms, 6 become 3 on two cores; a batch of 128 has no use for more than four."""
    times = scaling_figure.read(write_lines(tmp_path / 'lines.jsonl', *CORES))
    assert scaling_figure.model_table(times).splitlines()[2:] == [
        '| batch of 128 | 8.00 | 5.00 | 25% | 3.50 | 3.50 | 3.50 | 3.50 | 3.50 |',
        '| batch of 2,048 | 80.00 | 40.00 | 0% | 20.00 | 10.00 | 5.00 | 2.50 | 1.25 |',
    ]


def test_the_figure_of_growth_is_drawn(tmp_path, monkeypatch):
    lines = write_lines(tmp_path / 'lines.jsonl', *CORES)
    monkeypatch.setattr(sys, 'argv', ['scaling_figure.py', lines, f'--figure={tmp_path}/scaling.png'])
    scaling_figure.main()
    assert (tmp_path / 'scaling.png').stat().st_size > 10_000
    (tmp_path / 'lines.jsonl').write_text('{"what": 1}')
    with pytest.raises(measure.BenchmarkError, match='line 1 is not a run of scaling.py'):
        scaling_figure.read(lines)


def test_settings_of_growth():
    found = list(scaling.settings(2))
    assert len(set(found)) == len(found)
    assert {one.what.partition(',')[0] for one in found} == {'batch', 'width', 'pictures', 'cores'}
    assert {one.n_cores for one in found} == {None, 1, 2}
    assert scaling.count_weights((512, 256, 128)) == 567_434  # as the README shows
    assert [scaling.steps_for(one) for one in found if one.what == 'batch'][2] == 500


def test_pictures_are_cut_or_repeated(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS / 'peers'))
    import ours

    from mnist_graph import data
    from mnist_graph.data.idx import read_idx

    images = np.arange(6, dtype=np.uint8).reshape(3, 1, 2)
    ours.write_repeated(tmp_path / 'images', images, 8)
    np.testing.assert_array_equal(read_idx(str(tmp_path / 'images')), images[[0, 1, 2, 0, 1, 2, 0, 1]])
    ours.write_repeated(tmp_path / 'labels', np.int32([3, 1]), 5)
    assert read_idx(str(tmp_path / 'labels')).tolist() == [3, 1, 3, 1, 3]

    split = data.Split(np.zeros((30, 4, 4, 1), np.uint8), np.arange(30, dtype=np.int32) % 3)
    few = data.Dataset('mnist', split, split[:0], split[:6], ('0', '1', '2'), '')
    load = data.load
    monkeypatch.setattr(ours.data, 'load', lambda *names, **how: few if names else load(**how))
    assert len(ours.load('', None).train) == 30 and len(ours.load('', 7).train) == 7
    repeated = ours.load('', 65)
    np.testing.assert_array_equal(repeated.train.labels, np.arange(65) % 30 % 3)
    assert len(repeated.test) == 6


@pytest.mark.parametrize('n_rows', [1, 3])
def test_the_products_of_a_step(n_rows):
    """Two for the weights of the first layer, three for those of each other, of a multiplication and an addition each."""
    step, n_operations = step_floor.products(n_rows)
    step()
    first, others = 784 * 512, 512 * 256 + 256 * 128 + 128 * 10
    assert n_operations == n_rows * 2 * (2 * first + 3 * others)


def test_the_bytes_that_adam_moves():
    work, n_bytes = step_floor.adding(step_floor.ADAM_BYTES)
    work()
    assert step_floor.ADAM_BYTES == 28 * 567_434 and 0 <= step_floor.ADAM_BYTES - n_bytes < 12


def test_cores_share_a_step():
    asked = []
    _, done = step_floor.processor_ms(lambda n: (lambda: asked.append(n), n), 128, n_cores=2, rounds=1, repeats=3)
    assert done == 128 and asked == [64] * 2 * 2 * 3  # the first round of two only warms up


def test_a_contender_that_failed_is_left_out_of_the_table_of_sweeps():
    runs = {'one': [measure.Run(8.0, 1.0, '', 1.0)], sweep_throughput.SWEEP: [measure.Run(4.0, 1.0, '', 1.0)]}
    lines = sweep_throughput.table_of(runs, 16).splitlines()[2:]
    assert lines == ['| one | 8.0 (8.0-8.0) | 2.00 | 2.00 |', '| mnist_graph.sweep | 4.0 (4.0-4.0) | 4.00 | 1.00 |']
    del runs[sweep_throughput.SWEEP]
    assert sweep_throughput.table_of(runs, 16).splitlines()[2:] == ['| one | 8.0 (8.0-8.0) | 2.00 |  |']


def test_a_request_that_is_refused_is_lost_and_no_answer():
    answers = iter(['500 Error', '200 OK', '503 Busy', '200 OK'])

    async def answer(reader, writer):
        while await reader.readuntil(b'\r\n\r\n'):
            await reader.readexactly(1)
            writer.write(f'HTTP/1.1 {next(answers)}\r\nContent-Length: 0\r\n\r\n'.encode())

    async def load():
        server = await asyncio.start_server(answer, '127.0.0.1', 0)
        port = server.sockets[0].getsockname()[1]
        (client,), _ = await serving.load(port, ('/', b'x', 'text/plain'), 1, 20, most=4)
        server.close()
        return client

    client = asyncio.run(load())
    assert len(client.seconds) == 2 and client.lost == [500, 503]


def test_a_recipe_in_other_libraries_has_its_switches(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS / 'peers'))
    import recipe

    monkeypatch.setattr(recipe, 'FLAGS_DIR', str(tmp_path))
    (tmp_path / 'a.flags').write_text('# of a test\n--augment\n--nobatch_norm\n--batch_size=7\n--tta=9\n')
    assert recipe.read_flags('a') == ({'augment': True, 'batch_norm': False, 'batch_size': 7}, 9)
