"""Learning from a teacher: its values in the graph, the loss, and what main makes of its flags."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest

from helpers.data import tiny_arrays, tiny_dataset, write_idx_folder
from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import HParams
from mnist_graph.network.distillation import distillation_loss
from mnist_graph.network.training_input import training_input
from mnist_graph.training import description, runs
from mnist_graph.training.run_folder import find_checkpoint

STUDENT = (
    '--data_dir=data',
    '--n_validation=15',
    '--hidden_units=8',
    '--batch_size=20',
    '--learning_rate=0.02',
    '--dropout=0',
    '--n_iterations=60',
    '--display_step=20',
    '--save_steps=20',
    '--notensorboard',
)
TEACHER = (
    '--data_dir=data',
    '--n_validation=15',
    '--model=cnn',
    '--filters=2,3,2',
    '--hidden_units=4',
    '--batch_norm',
    '--standardize',
    '--deskew',
    '--ema_decay=0.9',
    '--dropout=0',
    '--learning_rate=0.02',
    '--batch_size=20',
    '--n_iterations=40',
    '--display_step=20',
    '--notensorboard',
)


def test_loss_by_hand(tf):
    with tf.Graph().as_default(), tf.Session() as sess:
        student, teacher = tf.constant([[0.0, 2.0]]), tf.constant([[2.0, 0.0]])
        loss = distillation_loss(student, teacher, 2.0)
        value, slope = sess.run([loss, *tf.gradients(loss, student)])
        assert tf.gradients(loss, teacher) == [None]
    likely = 1 / (1 + np.exp(-1))  # softmax of (2, 0) / 2
    assert value == pytest.approx(4 * -(likely * np.log(1 - likely) + (1 - likely) * np.log(likely)), rel=1e-6)
    # The softmax's difference, divided by the temperature and multiplied by its square.
    np.testing.assert_allclose(slope, [[2 * (1 - 2 * likely), 2 * (2 * likely - 1)]], rtol=1e-5)


@pytest.fixture
def taught(entry_point):
    """Function (*flags) that runs main as a student of the model in the folder teacher/, which is trained first."""
    write_idx_folder('data')
    assert entry_point(*TEACHER, '--model_dir=teacher').code == 0
    return lambda *flags: entry_point(*STUDENT, '--teacher_model_dir=teacher', '--distillation_temperature=2', *flags)


def test_teacher_says_what_its_saved_model_says(tf, taught):
    """Batch normalization, averages and deskewing included; several are averaged."""
    from mnist_graph.models import saved_model, teachers

    assert taught('--model_dir=student').code == 0
    images = tiny_arrays()[2]
    logits = []
    for folder in ('teacher', 'student', 'teacher,student'):
        teacher = teachers.load([folder], tiny_dataset())
        assert teacher.model_dirs == tuple(os.path.abspath(name) for name in folder.split(','))
        with tf.Graph().as_default(), tf.Session() as sess:
            said = teacher.logits(tf.constant(images.reshape(-1, 64) / np.float32(255)))
            logits.append(sess.run(said))
        if ',' not in folder:
            with saved_model.load([folder]) as model:
                odds = np.exp(logits[-1].astype(np.float64))
                np.testing.assert_allclose(
                    odds / odds.sum(axis=1, keepdims=True), model.probabilities(images[..., None]), rtol=1e-4
                )
    np.testing.assert_allclose(logits[2], (logits[0] + logits[1]) / 2, rtol=1e-5)


def test_labels_do_not_matter_to_a_student(tf):
    """Its loss is of what the teacher says of the distorted pictures."""
    from mnist_graph import graph

    hparams = HParams(
        hidden_units=(3,), dropout=0.0, distillation_temperature=2.0, learning_rate=0.1, seed=3, augment=True
    )
    spec = tiny_dataset().input_spec()
    seen = []
    network = graph.build(hparams, spec, teacher=lambda X: seen.append(X) or X[:, 27:31] * 5)
    with network.graph.as_default():
        distorted = training_input(hparams, spec, network.X, tf.identity(network.global_step), 1000)
    X, after = np.random.default_rng(0).random((6, 64), np.float32), []
    for labels in ([0, 1, 2, 3, 0, 1], [3, 3, 3, 3, 3, 3]):
        with tf.Session(graph=network.graph) as sess:
            sess.run(network.initializer)
            sess.run(network.train_step, {network.X: X, network.Y: np.eye(4)[labels], network.keep_prob: 1.0})
            after.append(sess.run(network.weights['w1']))
            np.testing.assert_array_equal(*sess.run([seen[0], distorted], {network.X: X}))
            fed = {network.loop.images: np.uint8(X * 255), network.loop.labels: labels, network.keep_prob: 1.0}
            after.append(sess.run(network.loop.last_loss, fed))
    np.testing.assert_array_equal(after[0], after[2])
    assert after[1] == after[3] > 0
    with pytest.raises(UsageError, match='a temperature above 0 needs a teacher, and a teacher needs a temperature'):
        graph.build(hparams, spec)
    with pytest.raises(UsageError, match='a temperature above 0 needs a teacher, and a teacher needs a temperature'):
        graph.build(HParams(), spec, teacher=lambda X: X[:, :4])


def test_student_resumes_with_its_teacher(taught, entry_point, tf):
    """Half a training and its other half are the whole."""
    whole = taught('--model_dir=whole', '--augment')
    assert whole.code == 0 and taught('--model_dir=halves', '--augment', '--n_iterations=20').code == 0
    saved = description.read('halves')
    assert saved.teacher_model_dirs == (os.path.abspath('teacher'),) and len(saved.teacher_fingerprint) == 16
    resumed = ('--resume', '--model_dir=halves', '--display_step=20')
    halves = entry_point(*resumed, '--n_iterations=60')
    assert halves.code == 0 and halves.out.splitlines()[3:-1] == whole.out.splitlines()[3:-1]
    one, other = (tf.train.load_checkpoint(find_checkpoint(folder, 'last')[0].prefix) for folder in ('whole', 'halves'))
    for name in one.get_variable_to_shape_map():
        np.testing.assert_array_equal(one.get_tensor(name), other.get_tensor(name), err_msg=name)

    # Moved: found where it is now. Another: not the same training.
    shutil.move('teacher', 'elsewhere')
    lost = entry_point(*resumed, '--n_iterations=80')
    assert lost.code == 1 and 'teacher: holds no model' in lost.err and 'give its --teacher_model_dir' in lost.err
    assert lost.err.count('\n') == 1
    assert entry_point(*resumed, '--n_iterations=80', '--teacher_model_dir=elsewhere').code == 0
    assert entry_point(*TEACHER, '--seed=1', '--model_dir=another').code == 0
    refused = entry_point(*resumed, '--n_iterations=90', '--teacher_model_dir=another')
    assert refused.code == 2 and 'halves: learned from another teacher' in refused.err and refused.err.count('\n') == 1


def test_teacher_of_the_latest_run(entry_point):
    """runs/latest points at the student by and by."""
    write_idx_folder('data')
    assert entry_point(*TEACHER).code == 0
    teacher = os.path.realpath(runs.resolve('runs/latest'))
    student = entry_point(
        *STUDENT, '--distillation_temperature=2', '--teacher_model_dir=runs/latest', '--n_iterations=20'
    )
    assert student.code == 0 and os.path.realpath(runs.resolve('runs/latest')) != teacher
    assert description.read(runs.resolve('runs/latest')).teacher_model_dirs == (teacher,)
    assert entry_point('--resume', '--n_iterations=40').code == 0


def test_damaged_checkpoints_of_a_teacher_are_named(taught, entry_point):
    assert entry_point('--resume', '--model_dir=teacher', '--n_iterations=60').code == 0
    newest = pathlib.Path(find_checkpoint('teacher', 'last')[0].prefix + '.index')
    newest.write_bytes(newest.read_bytes()[:-1])
    ended = taught('--model_dir=student')
    assert (
        ended.code == 0
        and 'is damaged' in ended.err
        and ended.err.endswith('; the teacher is the checkpoint before it.\n')
    )


def test_loading_a_teacher_opens_no_session(taught, tf, monkeypatch):
    """The first session of a process sets how many threads all others have, too."""
    from mnist_graph.models import teachers

    monkeypatch.setattr(tf, 'Session', None)
    assert teachers.load(['teacher'], tiny_dataset()).members


@pytest.mark.parametrize(
    'flags, code, message',
    [
        (['--distillation_temperature=0'], 2, '--teacher_model_dir=teacher needs a --distillation_temperature above 0'),
        (
            ['--teacher_model_dir='],
            2,
            '--distillation_temperature=2.0 needs a model to learn from; give its --teacher_model_dir.',
        ),
        (
            ['--teacher_model_dir=,'],
            2,
            '--distillation_temperature=2.0 needs a model to learn from; give its --teacher_model_dir.',
        ),
        (['--teacher_model_dir=nowhere'], 1, 'mnist_graph: nowhere: holds no model (hparams.json is missing)'),
        (
            ['--n_validation=20'],
            2,
            'teacher: was trained with --n_validation=15, on pictures that this run is validated on',
        ),
        (['--data_dir=other'], 2, 'teacher: reads pictures of another shape or other classes than other has'),
    ],
)
def test_unfit_teachers_are_refused(taught, flags, code, message):
    write_idx_folder('other', shape=(8, 9))
    ended = taught('--model_dir=student', *flags)
    assert ended.code == code and message in ended.err and ended.err.count('\n') == 1 and not os.path.exists('student')


def test_teachers_have_a_largest_size(taught, monkeypatch):
    from mnist_graph.models import teachers

    monkeypatch.setattr(teachers, '_MOST_VALUES', 100)
    with pytest.raises(
        UsageError, match='teacher: is too large to teach; give a --teacher_model_dir of at most 100 weights'
    ):
        teachers.load(['teacher'], tiny_dataset())


def test_label_smoothing_beside_a_teacher_is_named(taught):
    assert taught('--label_smoothing=0.1').err == '--label_smoothing=0.1 has no effect beside a teacher.\n'


def test_models_of_before_there_were_teachers(taught):
    path = pathlib.Path('teacher/hparams.json')
    values = json.loads(path.read_text())
    assert values.pop('teacher_model_dirs') == [] and values.pop('teacher_fingerprint') == ''
    path.write_text(json.dumps(values))
    assert description.read('teacher').teacher_model_dirs == ()
