"""What a sweep's worker says of trials that cannot be trained."""

import pytest

from mnist_graph.errors import CheckpointError, DataError, DivergedError, UsageError
from mnist_graph.sweep_plan import CRASHED, DIVERGED, UNUSABLE
from mnist_graph.sweep_worker import Job, _outcome


@pytest.mark.parametrize('error, expected', [
    (DivergedError('nan'), ('failed', 7, DIVERGED, 'nan')),
    (UsageError('warmup_steps=9: ...'), ('failed', 7, UNUSABLE, 'warmup_steps=9: ...')),
    (CheckpointError('full'), ('failed', 7, UNUSABLE, 'full')),
    (ZeroDivisionError('by zero'), ('failed', 7, CRASHED, 'ZeroDivisionError: by zero')),
    # Lost data is no fault of the trial: it ends the sweep, which then goes on where it was.
    (DataError('/data: no such folder'), ('unfit', '/data: no such folder'))])
def test_errors(error, expected, capsys):
    def train(job):
        raise error

    assert _outcome(train, Job(7, {})) == expected
    assert bool(capsys.readouterr().err) == isinstance(error, ZeroDivisionError)  # a defect's traceback goes into the log
