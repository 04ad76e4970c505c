"""Training from start to end, with a session that only writes down: what happens when, early stopping, divergence."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from helpers.fake_session import FakePlaceholder, FakeSession, accuracy_at, learning_rate_at
from helpers.small_training import Recorder
from mnist_graph import train as train_module
from mnist_graph.base.errors import DivergedError
from mnist_graph.data import Split
from mnist_graph.hparams import HParams
from mnist_graph.train import train
from mnist_graph.training import evaluation
from mnist_graph.training.monitor import Progress


@pytest.fixture
def faked(monkeypatch):
    """Function of hyperparameters and options of `train`; returns (session, recorder, function that trains)."""

    def prepare(hparams, n_train=45, n_validation=4, accuracies=(), sess=None, **options):
        # Every fetch and placeholder is its own name, but for Y, which has a shape.
        names = ('images', 'labels', 'steps_done', 'last_loss', 'weights_sum')
        loop = SimpleNamespace(**{name: name for name in names})
        names = ('keep_prob', 'X', 'cross_entropy', 'accuracy', 'learning_rate', 'global_step')
        network = SimpleNamespace(loop=loop, Y=FakePlaceholder(), **{name: name for name in names})
        sess = sess or FakeSession()
        sess.batch_size = hparams.batch_size
        # The label of a picture and its grey level are its row, so that what is fed can be told.
        splits = [
            Split(np.arange(n).astype(np.uint8).repeat(4).reshape(n, 2, 2, 1), np.arange(n))
            for n in (n_train, n_validation)
        ]
        dataset = SimpleNamespace(train=splits[0], validation=splits[1])
        scripted = iter(accuracies)

        def logits(network, given_sess, images, n_threads):
            assert given_sess is sess and images is dataset.validation.images and n_threads == 3
            return np.full((len(images), 1000), sess.step)

        def metrics_of(logits, labels):
            assert labels is dataset.validation.labels and (logits == sess.step).all()
            return evaluation.Metrics(len(labels), 1.0, next(scripted, 0.5) if len(labels) else math.nan)

        monkeypatch.setattr(evaluation, 'logits', logits)
        monkeypatch.setattr(evaluation, 'metrics_of', metrics_of)
        recorder = Recorder()
        return (
            sess,
            recorder,
            lambda **more: train(
                network, sess, hparams, dataset, monitors=[recorder], n_threads=3, **{**options, **more}
            ),
        )

    return prepare


@pytest.mark.parametrize('n_epochs, batch_size, steps', [(1, 8, 6), (3, 8, 17), (2, 45, 2), (2, 100, 1), (1, 1, 45)])
def test_epochs_use_every_picture_exactly_so_often(faked, n_epochs, batch_size, steps):
    hparams = HParams(n_epochs=n_epochs, batch_size=batch_size, eval_steps=4)
    assert hparams.total_steps(45) == steps
    sess, recorder, run = faked(hparams)
    result = run()
    assert result.progress.step == sess.step == steps and result.finished
    assert np.bincount(sess.rows, minlength=45).tolist() == [n_epochs] * 45


def test_iterations_count_without_epochs(faked):
    assert HParams(n_iterations=7).total_steps(45) == 7
    sess, _, run = faked(HParams(n_iterations=7, batch_size=8))
    run()
    assert len(sess.rows) == 56 and max(np.bincount(sess.rows)) - min(np.bincount(sess.rows)) <= 1


def test_events_come_at_their_steps(faked):
    sess, recorder, run = faked(
        HParams(n_iterations=50, eval_steps=20, batch_size=8, dropout=0.25), display_step=15, save_steps=25
    )
    told = []
    recorder.on_steps = told.append
    result = run()
    assert told == [start + n for start, n, _ in sess.runs]
    assert recorder.steps('display') == [15, 30, 45, 50]
    assert recorder.steps('validation') == [20, 40, 50]
    assert recorder.steps('save') == [25, 50]
    assert recorder.steps('end') == [50]
    shown = [event for event in recorder.events if event[0] == 'display']
    assert shown == [('display', step, 0.5, accuracy_at(step), learning_rate_at(step)) for step in (15, 30, 45, 50)]
    assert (result.loss, result.accuracy) == (0.5, accuracy_at(50))
    assert {keep_prob for _, _, keep_prob in sess.runs} == {0.75}
    # Runs follow each other without gap or overlap.
    assert [start for start, _, _ in sess.runs] == [0, *np.cumsum([n for _, n, _ in sess.runs])[:-1]]


def test_it_saves_when_so_many_seconds_have_passed_since_the_last_time(faked, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(train_module.time, 'perf_counter', lambda: clock.now)
    sess, recorder, run = faked(HParams(n_iterations=400, batch_size=8, eval_steps=400), display_step=400)
    run_loop = sess.run_loop

    def slow(images, labels, keep_prob):
        clock.now += len(labels) / 8 * 0.125
        return run_loop(images, labels, keep_prob)

    sess.run_loop = slow
    run(save_steps=200, save_seconds=10.0)
    # At 0.125 s a step 80 steps take 10 s. Runs are of 3 steps after the first of 10, so a save is due after 82 or 81.
    assert recorder.steps('save') == [82, 163, 200, 281, 362, 400]
    assert recorder.steps('display') == [400]


def test_defaults_of_what_is_done_when(faked, monkeypatch):
    """A line each 100 steps; a save each 1000 steps, and after 30 s."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(train_module.time, 'perf_counter', lambda: clock.now)
    sess, recorder, run = faked(HParams(n_iterations=2250, batch_size=8, eval_steps=3000))
    run()
    assert recorder.steps('display') == [*range(100, 2250, 100), 2250]
    assert recorder.steps('save') == [1000, 2000, 2250]
    sess, recorder, run = faked(HParams(n_iterations=70, batch_size=8, eval_steps=1), display_step=1)
    run_loop = sess.run_loop

    def slow(images, labels, keep_prob):
        clock.now += len(labels) / 8
        return run_loop(images, labels, keep_prob)

    sess.run_loop = slow
    assert run().seconds == 70
    assert recorder.steps('save') == [30, 60, 70]


def test_what_diverged_is_not_saved_because_time_has_passed(faked):
    _, recorder, run = faked(HParams(n_iterations=50, batch_size=8), sess=FakeSession(loss_after=math.inf))
    with pytest.raises(DivergedError, match='The loss became inf at step 5'):
        run(save_seconds=0.0, display_step=5)
    assert recorder.events == []


@pytest.mark.parametrize('n_steps, validations', [(50, list(range(5, 51, 5))), (3, [1, 2, 3]), (44, [5, 10, 44])])
def test_it_validates_about_ten_times_by_default(faked, n_steps, validations):
    _, recorder, run = faked(HParams(n_iterations=n_steps, batch_size=8))
    run()
    steps = recorder.steps('validation')
    assert len(steps) <= 10 and steps[:2] + steps[-1:] == validations[:2] + validations[-1:]


def test_a_network_built_without_training_cannot_be_trained(tf):
    from helpers.by_hand import PAIR
    from mnist_graph import graph

    network = graph.build(HParams(hidden_units=()), PAIR, training=False)
    with pytest.raises(ValueError, match='built with training=False'):
        train(network, None, HParams(), None)


def test_a_run_never_crosses_an_event(faked):
    sess, _, run = faked(HParams(n_iterations=60, eval_steps=20, batch_size=8), display_step=7, save_steps=9)
    run()
    due = {step for interval in (7, 9, 20) for step in range(interval, 61, interval)}
    for start, n, _ in sess.runs:
        assert not due & set(range(start + 1, start + n))


def test_no_validation_pictures(faked):
    _, recorder, run = faked(HParams(n_iterations=20, eval_steps=5, batch_size=8), n_validation=0)
    result = run()
    assert recorder.steps('validation') == recorder.steps('end') == [] and result.validation.n == 0


def test_progress_counts_only_strictly_better_validations():
    progress = Progress(step=10).after_validation(0.5)
    assert progress == Progress(10, 0.5, 10, 0)
    progress = progress._replace(step=20).after_validation(0.5)
    assert progress == Progress(20, 0.5, 10, 1)
    assert progress._replace(step=30).after_validation(0.6) == Progress(30, 0.6, 30, 0)
    assert Progress().after_validation(0.0).best_accuracy == 0.0  # better than none


@pytest.mark.parametrize(
    'patience, accuracies, stops',
    [
        (0, [0.9, 0.1, 0.1, 0.1, 0.1], 50),
        (2, [0.5, 0.6, 0.6, 0.5, 0.9], 40),
        (1, [0.5, 0.5, 0.9], 20),
        (3, [0.1, 0.2, 0.3, 0.4, 0.5], 50),
        (1, [0.1, 0.2, 0.3, 0.4, 0.1], 50),
    ],
)
def test_early_stopping(faked, patience, accuracies, stops):
    hparams = HParams(n_iterations=50, eval_steps=10, batch_size=8, early_stopping_patience=patience)
    _, recorder, run = faked(hparams, accuracies=accuracies)
    result = run(save_steps=20)
    assert result.progress.step == stops and result.finished and result.stopped_early == (stops < 50)
    # What was reached is kept, and saved once.
    assert recorder.steps('save') == sorted({*range(20, stops + 1, 20), stops})
    assert result.progress.best_accuracy == max(accuracies[: stops // 10])
    assert [is_best for kind, _, _, is_best in [event for event in recorder.events if event[0] == 'validation']][
        0
    ] is True


def test_early_stopping_goes_on_counting_after_a_resume(faked):
    hparams = HParams(n_iterations=50, eval_steps=10, batch_size=8, early_stopping_patience=2)
    sess, _, run = faked(hparams, accuracies=[0.4])
    sess.step = 20
    assert run(start=Progress(20, 0.5, 10, 1)).progress.step == 30
    _, recorder, run = faked(hparams)
    result = run(start=Progress(30, 0.5, 10, 2))  # it had stopped already
    assert result.progress.step == 30 and result.stopped_early and result.finished


def test_request_to_stop_saves_and_ends(faked):
    sess, recorder, run = faked(HParams(n_iterations=500, eval_steps=100, batch_size=8))
    asked = iter([False, False, True])
    result = run(should_stop=lambda: next(asked))
    assert not result.finished and result.validation is None and 0 < result.progress.step < 500
    # Of the last batch before the stop.
    assert (result.loss, result.accuracy) == (0.5, accuracy_at(result.progress.step))
    assert recorder.events[-1] == ('save', sess.step, result.progress)


def test_a_resumed_run_takes_only_what_is_left(faked):
    sess, recorder, run = faked(HParams(n_iterations=50, eval_steps=20, batch_size=8), display_step=10)
    sess.step = 33
    run(start=Progress(33, 0.5, 20, 0))
    assert sess.runs[0][0] == 33 and sess.step == 50 and recorder.steps('display') == [40, 50]
    whole, _, run = faked(HParams(n_iterations=50, eval_steps=20, batch_size=8))
    run()
    assert sess.rows == whole.rows[33 * 8 :]


def test_nothing_left_to_do(faked):
    sess, recorder, run = faked(HParams(n_iterations=50, batch_size=8))
    result = run(start=Progress(50, 0.5, 50, 0))
    assert result.finished and sess.runs == [] and result.progress.step == 50 and result.validation.n == 4


def test_loss_that_is_not_a_number_ends_the_training(faked):
    _, recorder, run = faked(
        HParams(n_iterations=50, batch_size=8, learning_rate=0.5), sess=FakeSession(bad_step=23), save_steps=10
    )
    with pytest.raises(DivergedError) as caught:
        run()
    message = str(caught.value)
    assert message.startswith('The loss became nan at step 23: lower --learning_rate=0.5') and '\n' not in message
    assert recorder.steps('save') == [10, 20]


def test_weights_that_are_no_numbers_end_the_training(faked):
    """Behind a loss that is one, as oneDNN's ReLU turns NaN into 0."""
    _, recorder, run = faked(HParams(n_iterations=50, batch_size=8), sess=FakeSession(weights_sum=math.inf))
    with pytest.raises(DivergedError, match=r'^The weights became inf by step \d+: lower --learning_rate'):
        run()
    assert recorder.events == []


@pytest.mark.parametrize('event', ['display', 'save', 'eval', 'stop'])
def test_what_diverged_is_never_shown_or_saved(faked, event):
    """The update itself may break the weights, though the loss before it was finite."""
    steps = {'display_step': 1000, 'save_steps': 1000}
    hparams = HParams(n_iterations=50, batch_size=8, eval_steps=5 if event == 'eval' else 1000)
    if event in ('display', 'save'):
        steps['display_step' if event == 'display' else 'save_steps'] = 5
    asked = iter([False, event == 'stop', False, False, False, False])
    _, recorder, run = faked(hparams, sess=FakeSession(loss_after=math.inf), **steps)
    with pytest.raises(DivergedError, match='The loss became inf at step '):
        run(should_stop=lambda: next(asked, False))
    assert recorder.events == []


def test_runs_grow_while_they_are_short_and_shrink_when_they_take_long(faked, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(train_module.time, 'perf_counter', lambda: clock.now)
    sess, _, run = faked(HParams(n_iterations=1000, batch_size=8, eval_steps=1000), display_step=1000)
    run_loop = sess.run_loop

    def slow(images, labels, keep_prob):
        clock.now += len(labels) / 8 * (0.001 if sess.step < 300 else 0.01)
        return run_loop(images, labels, keep_prob)

    sess.run_loop = slow
    run()
    # Doubling at first; 0.4 seconds at most once the speed is known.
    lengths = [n for _, n, _ in sess.runs]
    assert lengths[:6] == [10, 20, 40, 80, 160, 320]
    assert all(39 <= n <= 40 for n in lengths[6:-1]) and len(lengths) > 10 and sum(lengths) == 1000
