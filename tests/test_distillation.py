"""Learning from a teacher: its values in the graph, the loss, and what main makes of its flags."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest
from conftest import tiny_arrays, tiny_dataset, write_idx_folder

from mnist_graph import description
from mnist_graph.errors import UsageError
from mnist_graph.hparams import HParams

STUDENT = ('--data_dir=data', '--n_validation=15', '--hidden_units=8', '--batch_size=20', '--learning_rate=0.02',
           '--dropout=0', '--n_iterations=60', '--display_step=20', '--save_steps=20', '--notensorboard')
TEACHER = ('--data_dir=data', '--n_validation=15', '--model=cnn', '--filters=2,3,2', '--hidden_units=4', '--batch_norm',
           '--standardize', '--deskew', '--ema_decay=0.9', '--dropout=0', '--learning_rate=0.02', '--batch_size=20',
           '--n_iterations=40', '--display_step=20', '--notensorboard')


def test_loss_by_hand(tf):
    from mnist_graph import graph

    with tf.Graph().as_default(), tf.Session() as sess:
        student, teacher = tf.constant([[0.0, 2.0]]), tf.constant([[2.0, 0.0]])
        loss = graph.distillation_loss(student, teacher, 2.0)
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
    from mnist_graph import distillation, saved_model

    assert taught('--model_dir=student').code == 0
    images = tiny_arrays()[2]
    logits = []
    for folder in ('teacher', 'student', 'teacher,student'):
        teacher = distillation.load(folder, tiny_dataset(), 15)
        assert teacher.folder == ','.join(os.path.abspath(name) for name in folder.split(','))
        with tf.Graph().as_default(), tf.Session() as sess:
            said = teacher.logits(tf.constant(images.reshape(-1, 64) / np.float32(255)))
            logits.append(sess.run(said))
        if ',' not in folder:
            with saved_model.load([folder]) as model:
                odds = np.exp(logits[-1].astype(np.float64))
                np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True),
                                           model.probabilities(images[..., None]), rtol=1e-4)
    np.testing.assert_allclose(logits[2], (logits[0] + logits[1]) / 2, rtol=1e-5)


def test_labels_do_not_matter_to_a_student(tf):
    """Each batch's loss is what the teacher makes of the pictures."""
    from mnist_graph import graph

    hparams = HParams(hidden_units=(3,), dropout=0.0, distillation_temperature=2.0, learning_rate=0.1, seed=3)
    spec = tiny_dataset().input_spec()
    network = graph.build(hparams, spec, teacher=lambda X: X[:, :4] * 5)
    X, after = np.random.default_rng(0).random((6, 64), np.float32), []
    for labels in ([0, 1, 2, 3, 0, 1], [3, 3, 3, 3, 3, 3]):
        with tf.Session(graph=network.graph) as sess:
            sess.run(network.initializer)
            sess.run(network.train_step, {network.X: X, network.Y: np.eye(4)[labels], network.keep_prob: 1.0})
            after.append(sess.run(network.weights['w1']))
            fed = {network.loop.images: np.uint8(X * 255), network.loop.labels: labels, network.keep_prob: 1.0}
            after.append(sess.run(network.loop.last_loss, fed))
    np.testing.assert_array_equal(after[0], after[2])
    assert after[1] == after[3] > 0
    with pytest.raises(UsageError, match='distillation_temperature=2: there is no teacher to learn from'):
        graph.build(hparams, spec)


def test_student_resumes_with_its_teacher(taught, entry_point):
    whole = taught('--model_dir=whole')
    assert whole.code == 0 and taught('--model_dir=halves', '--n_iterations=20').code == 0
    saved = description.read('halves')
    assert saved.teacher_dir == os.path.abspath('teacher') and len(saved.teacher_fingerprint) == 16
    halves = entry_point('--resume', '--model_dir=halves', '--n_iterations=60', '--display_step=20')
    assert halves.code == 0 and halves.out.splitlines()[:-1] == whole.out.splitlines()[1:-1]
    # Moved: found where it is now. Another: not the same training.
    shutil.move('teacher', 'elsewhere')
    lost = entry_point('--resume', '--model_dir=halves', '--n_iterations=80')
    assert lost.code == 1 and 'teacher: holds no model' in lost.err and lost.err.count('\n') == 1
    moved = ('--resume', '--model_dir=halves', '--n_iterations=80', '--display_step=20')
    assert entry_point(*moved, '--teacher_model_dir=elsewhere').code == 0
    assert entry_point(*TEACHER, '--seed=1', '--model_dir=another').code == 0
    refused = entry_point(*moved, '--n_iterations=90', '--teacher_model_dir=another')
    assert refused.code == 2 and 'halves: learned from another teacher' in refused.err and refused.err.count('\n') == 1


@pytest.mark.parametrize('flags, message', [
    (['--distillation_temperature=0'], '--teacher_model_dir=teacher needs a --distillation_temperature above 0'),
    (['--teacher_model_dir='], '--distillation_temperature=2.0 needs a model to learn from; give its --teacher_model_dir.'),
    (['--teacher_model_dir=nowhere'], 'nowhere: holds no model'),
    (['--n_validation=20'], 'teacher: was trained with --n_validation=15, on pictures that this run is validated on'),
    (['--data_dir=other'], 'teacher: reads pictures of another shape or other classes than other has')])
def test_unfit_teachers_are_refused(taught, flags, message):
    write_idx_folder('other', shape=(8, 9))
    ended = taught('--model_dir=student', *flags)
    assert ended.code in (1, 2) and message in ended.err and ended.err.count('\n') == 1 and not os.path.exists('student')


def test_label_smoothing_beside_a_teacher_is_named(taught):
    assert taught('--label_smoothing=0.1').err == '--label_smoothing=0.1 has no effect beside a teacher.\n'


def test_models_of_before_there_were_teachers(taught):
    path = pathlib.Path('teacher/hparams.json')
    values = json.loads(path.read_text())
    for name in ('teacher_dir', 'teacher_fingerprint'):
        assert values.pop(name) == ''
    path.write_text(json.dumps(values))
    assert description.read('teacher').teacher_dir == ''
