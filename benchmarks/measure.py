"""What the benchmarks share: runs programs as whole processes, in turn, and makes tables of their results.

Importing this module makes the package importable from the repository, installed or not. It is no program itself.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

BENCHMARKS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCHMARKS)
sys.path.insert(0, ROOT)

from mnist_graph.base.errors import MnistGraphError  # noqa: E402

IDX_FILES = (
    'train-images-idx3-ubyte.gz',
    'train-labels-idx1-ubyte.gz',
    't10k-images-idx3-ubyte.gz',
    't10k-labels-idx1-ubyte.gz',
)
# `ru_maxrss` of 1 MiB: macOS counts bytes, and other systems KiB.
MAXRSS_OF_A_MB = 1 << 20 if sys.platform == 'darwin' else 1 << 10


class BenchmarkError(Exception):
    """A benchmarked program failed, or printed something other than it should."""


class Run(NamedTuple):
    """One finished process: wall seconds, peak resident MiB, what it printed to stdout, seconds of all its cores."""

    seconds: float
    peak_rss_mb: float
    output: str
    processor_seconds: float


def data_folder(text):
    """--data_dir as argparse takes it: the absolute path of a folder with MNIST's four gzipped IDX files."""
    folder = os.path.abspath(os.path.expanduser(text))
    missing = [name for name in IDX_FILES if not os.path.isfile(os.path.join(folder, name))]
    if missing:
        raise argparse.ArgumentTypeError(f'{text}: has no {missing[0]}; give the folder of the four gzipped IDX files')
    return folder


def run_main(main):
    """Ends the process with what `main` returns, or with one line for an error that the user can mend."""
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f'{error.filename or sys.argv[0]}: {error.strerror}')
    except (BenchmarkError, MnistGraphError) as error:
        sys.exit(str(error))


def run_program(command):
    """Runs `command` (a list of strings) from the repository root; returns a `Run`.

    The package is found from the root, so it need not be installed. Peak memory is
    the kernel's figure for the process itself, without any worker processes.
    Raises BenchmarkError, with the last lines it wrote, for a non-zero exit.
    """
    environment = dict(os.environ)
    environment.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    # As the package's commands do: what is compared is not whether this is set.
    environment.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')
    paths = [ROOT, environment.get('PYTHONPATH')]
    environment['PYTHONPATH'] = os.pathsep.join(path for path in paths if path)
    # Files rather than pipes, so that nothing has to be read while os.wait4 waits.
    with tempfile.TemporaryFile('w+') as output, tempfile.TemporaryFile('w+') as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            tail = '\n'.join((output.read() + errors.read()).strip().splitlines()[-8:])
            raise BenchmarkError(f'{" ".join(command)} exited {process.returncode}:\n{tail}')
        return Run(seconds, usage.ru_maxrss / MAXRSS_OF_A_MB, output.read(), usage.ru_utime + usage.ru_stime)


def run_json(command):
    """Runs `command` and returns the JSON object on its last line, with the process's own
    `seconds_total` and `peak_rss_mb` as seen from outside."""
    run = run_program(command)
    lines = run.output.strip().splitlines()
    try:
        fields = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError):
        raise BenchmarkError(f'{" ".join(command)} printed no JSON line') from None
    fields['seconds_total'] = run.seconds
    fields['peak_rss_mb'] = run.peak_rss_mb
    return fields


def read_lines(path, program, take):
    """Calls `take` with each run (a dict) in a file of lines of JSON that `program` wrote.

    Raises BenchmarkError for a line that is no JSON, or in which `take` misses something.
    """
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            try:
                take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise BenchmarkError(f'{path}: line {number} is not a run of {program}; remove it') from None


def in_turn(runners, rounds):
    """Calls every runner once a round, in order (A B C, A B C ...).

    Taking turns spreads whatever else the machine does evenly over all of them.

    Args:
        runners: dict of name to a function of no arguments.
        rounds: how many rounds, at least 1.

    Returns:
        dict of name to the list of that runner's results. A runner that raises
        BenchmarkError says so on stderr and is left out of further rounds and the result.
    """
    results = {name: [] for name in runners}
    for number in range(rounds):
        for name in list(results):
            print(f'round {number + 1}/{rounds}: {name}', file=sys.stderr, flush=True)
            try:
                results[name].append(runners[name]())
            except BenchmarkError as error:
                print(f'leaving out {name}: {error}', file=sys.stderr, flush=True)
                del results[name]
    return results


def median_of(results, field):
    """Median of one field over a list of dicts or NamedTuples."""
    return statistics.median(values_of(results, field))


def values_of(results, field):
    """One field of each of a list of dicts or NamedTuples."""
    return [one[field] if isinstance(one, dict) else getattr(one, field) for one in results]


def spread(values, digits):
    """'median (lowest-highest)' with `digits` decimals."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f'{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})'


def mean_text(values, digits):
    """'mean ± standard deviation' with `digits` decimals; of a single value, itself."""
    deviation = f' ± {statistics.stdev(values):.{digits}f}' if len(values) > 1 else ''
    return f'{statistics.mean(values):.{digits}f}{deviation}'


def markdown_table(header, rows):
    """Returns a Markdown table: the first column to the left, the others to the right."""
    lines = [header, ['---'] + ['---:'] * (len(header) - 1), *rows]
    return '\n'.join('| ' + ' | '.join(str(cell) for cell in line) + ' |' for line in lines)


def machine():
    """One line that names the processor, its usable cores, the system and the Python."""
    processor = platform.processor() or platform.machine()
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            names = [line.split(':', 1)[1].strip() for line in file if line.startswith('model name')]
        processor = names[0] if names else processor
        cores = len(os.sched_getaffinity(0))
    except (OSError, AttributeError):
        cores = os.cpu_count()
    return f'{processor}, {cores} cores, {platform.system()}, Python {platform.python_version()}'
