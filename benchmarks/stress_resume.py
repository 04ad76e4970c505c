"""Kills a training with SIGKILL again and again, and checks that nothing shows in the end.

    python benchmarks/stress_resume.py --kills=20
    python benchmarks/stress_resume.py --kills=6 --n_iterations=300 --recipe=fast_99

A run is killed at random moments, half of them while a checkpoint is being
written, and resumed each time. In the end its variables must have the same
SHA-256 as those of a run that was left alone, and its metrics.jsonl and printed
lines must be the same; and no kill may lose more than --save_steps steps. The
data are drawn digits made for the occasion. Prints a table, and ends with 0
only if all that holds.
"""

import argparse
import glob
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import measure
import numpy as np
from recipes import flag_files

from mnist_graph import drawn
from mnist_graph.data import idx
from mnist_graph.training import checkpoint

FLAGS = [
    '--hidden_units=512,256,128',
    '--learning_rate=1e-3',
    '--batch_size=64',
    '--n_validation=500',
    '--eval_steps=50',
    '--dropout_layers=all',
    '--ema_decay=0.99',
    '--weight_decay=0.01',
    '--learning_rate_schedule=cosine',
    '--warmup_steps=20',
    '--label_smoothing=0.1',
]
HOW = ['--display_step=10', '--notensorboard', '--keep_checkpoints=2']


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--kills', type=int, default=20, help='how often the run is killed')
    parser.add_argument('--n_iterations', type=int, default=1200, help='length of the run in steps')
    parser.add_argument('--save_steps', type=int, default=10, help='steps from one checkpoint to the next')
    parser.add_argument('--recipe', help='name of a file in flags/, to train with its flags instead of others')
    parser.add_argument('--seed', type=int, default=0, help='of the random moments')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(stress(folder, arguments))


def stress(folder, arguments):
    """Runs it all in an empty folder; returns the exit code."""
    images_and_labels = drawn.load_or_draw(None, 2500, 500)
    os.mkdir(f'{folder}/data')
    for name, array in zip(
        ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'),
        images_and_labels,
    ):
        pathlib.Path(folder, 'data', name).write_bytes(idx.to_bytes(array))
    how = [*HOW, f'--save_steps={arguments.save_steps}']
    if arguments.recipe:  # a run does not record how it is to be tested
        with open(flag_files([arguments.recipe])[arguments.recipe], encoding='utf-8') as file:
            how += [line.strip() for line in file if line.startswith('--tta')]
    recipe = [f'--recipe={arguments.recipe}', '--n_epochs=0', '--n_validation=500', '--eval_steps=50']
    ingredients = recipe if arguments.recipe else FLAGS
    new = ['--data_dir=data', f'--n_iterations={arguments.n_iterations}', *ingredients, *how]

    began = time.perf_counter()
    whole = start(folder, *new, '--model_dir=whole')
    whole_out, _ = whole.communicate()
    assert whole.returncode == 0, 'the uninterrupted run failed'
    print(f'uninterrupted: {arguments.n_iterations} steps in {time.perf_counter() - began:.0f} s')

    moments = random.Random(arguments.seed)
    printed, flags, in_progress, reached, problems = [], [*new, '--model_dir=killed'], 0, 0, []
    for kill in range(arguments.kills):
        process = start(folder, *flags)
        # A share of what is left, so that the last kill comes before the end.
        steps_left = arguments.n_iterations - reached
        target = reached + max(1, int(steps_left / (arguments.kills - kill + 1) * moments.uniform(0.2, 1.8)))
        wait_for_step(folder, process, target)
        if kill % 2:
            wait_for_a_save(folder, process)
        else:
            time.sleep(moments.uniform(0, 0.2))
        if process.poll() is not None:
            print(
                f'kill {kill + 1}: came too late, the run had ended with {process.returncode}; if with 0, '
                f'give a larger --n_iterations. {process.stderr.read()}'
            )
            return 1
        process.kill()
        out, err = process.communicate()
        printed += out.splitlines()
        was_saving = bool(half_written(folder))
        in_progress += was_saving
        found, damaged = checkpoint.find(f'{folder}/killed/checkpoints')
        last_line = max([int(step) for step in re.findall(r'^Iteration (\d+)', out, re.M)], default=0)
        reached = found.step if found else 0
        lost = max(0, last_line - reached)
        if lost > arguments.save_steps or damaged or 'Traceback' in err:
            problems.append(f'kill {kill + 1} lost {lost} steps {damaged} {err}')
        print(
            f'kill {kill + 1:2d}: the last line was of step {last_line}, step {reached} is whole'
            + (', a save was cut short' if was_saving else '')
        )
        flags = ['--resume', '--model_dir=killed', *how] if os.path.exists(f'{folder}/killed/hparams.json') else flags
    process = start(folder, *flags)
    out, err = process.communicate()
    printed += out.splitlines()
    if process.returncode or err:
        problems.append(f'the last resume ended with {process.returncode}: {err}')
    return report(folder, whole_out.splitlines(), printed, problems, in_progress, arguments.kills)


def start(folder, *flags):
    """A running main program."""
    repository = str(pathlib.Path(__file__).resolve().parent.parent)
    environment = {**os.environ, 'PYTHONPATH': repository, 'XDG_CACHE_HOME': f'{folder}/cache', 'PYTHONUNBUFFERED': '1'}
    return subprocess.Popen(
        [sys.executable, '-m', 'mnist_graph.main', *flags],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(folder, process, step):
    """Returns when a checkpoint of this step or a later one is there, or the process has ended."""
    while process.poll() is None:
        names = glob.glob(f'{folder}/killed/checkpoints/*.json')
        if any(int(re.search(r'-(\d+)\.json', name)[1]) >= step for name in names):
            return
        time.sleep(0.002)


def half_written(folder):
    """Files of checkpoints that have no manifest; TensorFlow's file `checkpoint` is none of them."""
    names = glob.glob(f'{folder}/killed/checkpoints/*') + glob.glob(f'{folder}/killed/best/*')
    prefixes = {name: re.match(r'.*?ckpt-\d+', name) for name in names}
    return [name for name, prefix in prefixes.items() if prefix and not os.path.exists(prefix[0] + '.json')]


def wait_for_a_save(folder, process):
    """Returns while a checkpoint is being written."""
    while process.poll() is None and not half_written(folder):
        pass


def variables_digest(folder):
    """SHA-256 of the names and values of all variables in the newest checkpoint."""
    from mnist_graph.base import tensorflow

    tf = tensorflow.import_tensorflow()
    found, _ = checkpoint.find(f'{folder}/checkpoints')
    digest = hashlib.sha256()
    for name, _ in sorted(tf.train.list_variables(found.prefix)):
        value = np.ascontiguousarray(tf.train.load_variable(found.prefix, name))
        digest.update(f'{name} {value.dtype} {value.shape}'.encode() + value.tobytes())
    return digest.hexdigest()


def report(folder, whole_lines, printed, problems, in_progress, kills):
    """Prints what came out; returns the exit code."""
    digests = [variables_digest(f'{folder}/{name}') for name in ('whole', 'killed')]
    metrics = [pathlib.Path(folder, name, 'metrics.jsonl').read_text() for name in ('whole', 'killed')]
    renamed = [line.replace('in killed', 'in whole') for line in printed]
    # A line may be lost with the process, or printed twice, but never be another one, but for those about resuming.
    about_resuming = ('Going on from', 'Nothing was saved')
    strange = [line for line in renamed if line not in whole_lines and not line.startswith(about_resuming)]
    results = {
        'SHA-256 of all variables': digests[0] == digests[1],
        'metrics.jsonl': metrics[0] == metrics[1],
        'printed lines': not strange and renamed[-1] == whole_lines[-1],
        'nothing else went wrong': not problems,
        'some saves were cut short': in_progress > 0,
    }
    print(json.dumps({'uninterrupted': digests[0], 'killed': digests[1]}, indent=2))
    for line in strange + problems:
        print(line)
    for name, good in results.items():
        print(f'{name}: {"as it should be" if good else "WRONG"}')
    print(f'{kills} kills, {in_progress} of them in the middle of a save')
    return 0 if all(results.values()) else 1


if __name__ == '__main__':
    measure.run_main(main)
