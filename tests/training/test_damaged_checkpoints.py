"""Checkpoints that are damaged, forged, unreadable or gone: none is ever believed, and the one before is used."""

import builtins
import errno
import json
import os

import pytest

from helpers.networks import assert_same_values
from helpers.saving import saved_steps
from mnist_graph.base.errors import CheckpointError
from mnist_graph.training import checkpoint, manifest


def truncate(content):
    return content[: len(content) // 2]


def zero(content):
    return bytes(len(content))


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def empty(content):
    return b''


@pytest.mark.parametrize(
    'damage', [truncate, zero, flip, empty, None], ids=lambda damage: getattr(damage, '__name__', 'gone')
)
@pytest.mark.parametrize('ending', ['.index', '.data-00000-of-00001', '.json'])
def test_damaged_newest_is_named_and_the_one_before_it_used(saving, damage, ending):
    saving.save(1, best=1)
    expected = saving.values()
    saving.step()
    path = saving.save(2, best=2).prefix + ending
    if damage:
        with open(path, 'rb') as file:
            content = file.read()
        with open(path, 'wb') as file:
            file.write(damage(content))
    else:
        os.unlink(path)
    found, problems = checkpoint.find(saving.folder)
    assert found.step == 1 and found.progress == {'best': 1}
    if ending == '.json' and not damage:
        assert problems == []  # it does not count as saved
    else:
        assert len(problems) == 1 and path in problems[0] and '\n' not in problems[0]
    saving.restore(found)
    assert_same_values(saving.values(), expected)


def test_no_flipped_bit_of_a_manifest_goes_unseen(saving):
    path = saving.save(2, best_accuracy=0.5).prefix + '.json'
    with open(path, 'rb') as file:
        content = file.read()
    for position in range(len(content)):
        if content[position : position + 1].isspace():
            continue
        with open(path, 'wb') as file:
            file.write(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        found, problems = checkpoint.find(saving.folder)
        assert found is None and len(problems) == 1, position


@pytest.mark.parametrize(
    'change',
    [
        {'step': 3},
        {'step': None},
        {'files': {}},
        {'files': []},
        {'progress': None},
        {'progress': [1]},
        {'files': {'a\0.index': {'bytes': 1, 'sha256': ''}}},
        {'files': {'../../etc/passwd.index': {'bytes': 1, 'sha256': ''}}},
        {'files': {'x.index': 5}},
    ],
)
def test_manifest_that_does_not_fit(saving, change):
    saving.save(1)
    path = saving.save(2).prefix + '.json'
    with open(path) as file:
        values = json.load(file)
    del values['sha256']
    values |= change
    for forged in (values, {**values, 'sha256': manifest._digest(values)}):
        with open(path, 'w') as file:
            json.dump(forged, file)
        assert checkpoint.find(saving.folder)[0].step == 1
    found, problems = checkpoint.find(saving.folder)
    assert found.step == 1 and len(problems) == 1


def test_a_newer_one_that_cannot_be_read_is_passed_over_unless_that_is_refused(saving, monkeypatch):
    saving.save(1)
    unreadable = saving.save(2).prefix + '.json'
    real = builtins.open

    def refusing(path, *args, **options):
        if path == unreadable:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, *args, **options)

    monkeypatch.setattr(builtins, 'open', refusing)
    found, problems = checkpoint.find(saving.folder)
    assert found.step == 1 and len(problems) == 1 and problems[0].endswith('2.json: cannot be read (Permission denied)')
    with pytest.raises(checkpoint.UnreadableError, match='model.ckpt-2.json: cannot be read .Permission denied.'):
        checkpoint.find(saving.folder, refuse_unreadable=True)


def test_a_file_that_is_gone_is_said_to_be_gone(saving):
    path = saving.save(1).prefix + '.index'
    os.unlink(path)
    for refuse_unreadable in (False, True):
        assert checkpoint.find(saving.folder, refuse_unreadable) == (None, [f'{path}: is gone'])


def test_what_vanishes_after_it_was_found_is_one_line(saving):
    for ending, words in (('.data-00000-of-00001', 'cannot be restored'), ('.index', 'cannot be read')):
        saved = saving.save(1)
        os.unlink(saved.prefix + ending)
        with pytest.raises(CheckpointError, match=words) as restoring:
            saving.restore(saved)
        with pytest.raises(CheckpointError, match='cannot be read') as reading:
            checkpoint.values(saved, saving.variables)
        for message in str(restoring.value), str(reading.value):
            assert '\n' not in message and '(None)' not in message


def test_all_damaged(saving):
    for step in (1, 2):
        os.unlink(saving.save(step).prefix + '.index')
    found, problems = checkpoint.find(saving.folder)
    assert found is None and len(problems) == 2 and 'ckpt-2' in problems[0] and 'ckpt-1' in problems[1]


def test_going_on_after_damage_replaces_what_was_damaged(saving):
    """The newest by number must not crowd out the newest that is whole."""
    for step in (10, 20, 30):
        saving.save(step)
    for step in (20, 30):
        os.unlink(os.path.join(saving.folder, f'model.ckpt-{step}.index'))
    saving.save(15, keep=1)
    assert checkpoint.find(saving.folder)[0].step == 15 and saved_steps(saving.folder) == [15]


def test_saving_again_what_is_damaged_mends_it(saving):
    path = saving.save(5).prefix + '.index'
    with open(path, 'wb') as file:
        file.write(b'x')
    saving.save(5)
    assert checkpoint.find(saving.folder) == (checkpoint.Checkpoint(path[:-6], 5, {}), [])
