"""metrics.jsonl: lines that are not whole, steps that are taken again, and a file that cannot be read or written."""

import errno
import os
from types import SimpleNamespace

import pytest

from mnist_graph.base.errors import CheckpointError
from mnist_graph.training import metrics

pytestmark = pytest.mark.usefixtures('fresh_folder')


def test_lines_of_the_metrics_that_are_not_whole(tmp_path):
    assert metrics.read(str(tmp_path / 'gone')) == []
    (tmp_path / 'metrics.jsonl').write_bytes(b'\xff\xfe\n[1]\n{"step": "x"}\n{"step": 3}\n{"st')
    assert metrics.read(str(tmp_path)) == [{'step': 3}]


def test_metrics_of_steps_taken_again_are_dropped(trained):
    trained('model', stop_after=20)
    with open('model/metrics.jsonl', 'a') as file:
        file.write('{"step": 25, "loss": 1.0, "accuracy": 0.0, "learning_rate": 1}\n{"step": 30, "lo')
    trained('model', resume=True)
    steps = [line['step'] for line in metrics.read('model') if 'loss' in line]
    assert steps == list(range(5, 41, 5))


def test_metrics_that_cannot_be_closed(tmp_path, monkeypatch):
    """After another error nothing is said of it, since that one matters."""
    (tmp_path / 'metrics.jsonl').write_text('{"step": 3}\n{"step": 4}\n')
    file = metrics.MetricsFile(str(tmp_path), 3)
    file.write({'step': 5})
    assert metrics.read(str(tmp_path)) == [{'step': 3}, {'step': 5}]

    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(file, '_file', SimpleNamespace(close=full))
    file.close(after_error=True)
    with pytest.raises(CheckpointError, match='metrics.jsonl: cannot be written .No space left on device.;'):
        file.close()


def test_metrics_that_are_a_folder(trained):
    trained('model', stop_after=20)
    os.unlink('model/metrics.jsonl')
    os.mkdir('model/metrics.jsonl')
    with pytest.raises(CheckpointError, match='model/metrics.jsonl: cannot be read .Is a directory.; see to its perm'):
        trained('model', resume=True)
