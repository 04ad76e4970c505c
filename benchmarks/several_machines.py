"""How long a step takes with 1, 2 and 4 workers of one core each, and how many bytes cross the network in it.

    python benchmarks/several_machines.py --data_dir=mnist
    python benchmarks/several_machines.py --data_dir=mnist --workers=2 --delay_ms=5

It runs itself again in a network namespace of its own, so that the counter of the loopback device counts nothing else.
With more workers than cores the wall time says little; the processor time of the busiest process is what it would be
with a core for each, but for the wire.

With --delay_ms (as root), the workers are in another namespace, behind a link of 1 Gbit/s that holds each packet for so
long each way: this program carries the packets itself (link.py), since not every kernel has netem.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import link
import measure

NETWORKS = {
    'mlp': {'hidden_units': (512, 256, 128)},
    'cnn': {'model': 'cnn', 'filters': (16, 32, 32), 'hidden_units': (128,)},
}


def wire_bytes(device):
    """Bytes that crossed a device; those of loopback both arrive and leave."""
    (line,) = (line for line in pathlib.Path('/proc/self/net/dev').read_text().splitlines() if f'{device}:' in line)
    fields = line.partition(':')[2].split()
    return int(fields[0]) + (device != 'lo') * int(fields[8])


def processor_seconds(pid):
    """Seconds that a process has computed."""
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def one(workers, data_dir, network, batch_size, n_workers, seconds, is_far):
    """Measures one case in this process; prints it as JSON. The processes that it starts are added to `workers`."""
    chief, host, device, inside = (
        (link.HOSTS[0], link.HOSTS[1], link.DEVICES[0], ['ip', 'netns', 'exec', link.NAMES[1]])
        if is_far
        else ('127.0.0.1', '127.0.0.1', 'lo', [])
    )
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    from mnist_graph import HParams, data, graph
    from mnist_graph.base import tensorflow
    from mnist_graph.cluster import runtime
    from mnist_graph.cluster.addresses import of_started

    command = [sys.executable, '-m', 'mnist_graph.worker', f'--listen={host}:0', '--once']
    for number in range(1, n_workers):
        one_core = ['taskset', '-c', str(cores[number % len(cores)])]
        workers.append(subprocess.Popen([*inside, *one_core, *command], stdout=subprocess.PIPE, text=True))
    tensorflow.import_tensorflow()
    addresses = [f'{chief}:2222', *map(of_started, workers)]
    dataset = data.load(data_dir=data_dir)
    images, labels = dataset.train.images.reshape(len(dataset.train), -1), dataset.train.labels
    order = runtime.Order(addresses, 0, (1, 1), 60.0)
    with runtime.Cluster(order, print, 0, False, print) as cluster:
        hparams = HParams(batch_size=batch_size, **NETWORKS[network])
        placement = graph.Placement(*cluster.devices(n_workers, 1))
        built = graph.build(hparams, dataset.input_spec(), 1000, n_workers, fed_step=False, placement=placement)
        with cluster.open_session(built) as sess:
            sess.run(built.initializer)

            def run(n_steps):
                rows = slice(0, n_steps * batch_size)
                feeds = {built.loop.images: images[rows], built.loop.labels: labels[rows], built.keep_prob: 0.5}
                sess.run(built.loop.steps_done, feeds)

            n_steps = max(2, min(20, len(labels) // batch_size))
            run(n_steps)
            pids = [os.getpid(), *(worker.pid for worker in workers)]
            best, busiest, n_bytes, began = float('inf'), float('inf'), 0, time.perf_counter()
            while time.perf_counter() - began < seconds:
                before, used, start = wire_bytes(device), [processor_seconds(pid) for pid in pids], time.perf_counter()
                for _ in range(3):
                    run(n_steps)
                best = min(best, (time.perf_counter() - start) / (3 * n_steps))
                busy = max(processor_seconds(pid) - was for pid, was in zip(pids, used)) / (3 * n_steps)
                busiest, n_bytes = min(busiest, busy), (wire_bytes(device) - before) / (3 * n_steps)
    weights = 4 * sum(v.shape.num_elements() for v in built.model.variables)
    needed = (n_workers - 1) * (2 * weights + 4 * 794 * (batch_size // n_workers))
    print(json.dumps([best * 1e3, busiest * 1e3, n_bytes / 1e6, needed / 1e6]), flush=True)


def main():
    """Measures each case in a process of its own, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data_dir', required=True, type=measure.data_folder)
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--batch_sizes', default='128,512,2048,4096')
    parser.add_argument('--workers', default='1,2,4')
    parser.add_argument('--networks', default=','.join(NETWORKS))
    parser.add_argument('--delay_ms', type=float, help='milliseconds from the chief to a worker, and as many back')
    parser.add_argument('--case', help=argparse.SUPPRESS)
    parser.add_argument('--far', action='store_true', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        network, batch_size, n_workers = arguments.case.split(',')
        workers = []
        try:
            one(workers, arguments.data_dir, network, int(batch_size), int(n_workers), arguments.seconds, arguments.far)
        finally:
            for worker in workers:
                worker.kill()
        sys.stdout.flush()
        os._exit(0)
    if not shutil.which('unshare'):
        sys.exit('This needs unshare (util-linux), for a network of its own.')
    print(
        '| network, batch | workers | ms a step | busiest ms of processor | MB a step | needed |\n|---|---:|---:|---:|---:|---:|'
    )
    with contextlib.ExitStack() as stack:
        inside = ['unshare', '--map-root-user', '--net', 'bash', '-c', 'ip link set lo up && exec "$@"', 'bash']
        if arguments.delay_ms is not None:
            stack.enter_context(link.two_hosts(arguments.delay_ms))
            inside = ['ip', 'netns', 'exec', link.NAMES[0]]
        for network in arguments.networks.split(','):
            for batch_size in arguments.batch_sizes.split(','):
                for n_workers in arguments.workers.split(','):
                    case = [f'--case={network},{batch_size},{n_workers}', f'--seconds={arguments.seconds}']
                    case += ['--far'] * (arguments.delay_ms is not None)
                    command = [*inside, sys.executable, __file__, f'--data_dir={arguments.data_dir}', *case]
                    done = subprocess.run(command, capture_output=True, text=True)
                    if done.returncode:
                        raise measure.BenchmarkError(f'{case[0]} ended with {done.returncode}:\n{done.stderr}')
                    values = json.loads(done.stdout.splitlines()[-1])
                    shown = ' | '.join(f'{value:.1f}' for value in values)
                    print(f'| {network}, {batch_size} | {n_workers} | {shown} |', flush=True)


if __name__ == '__main__':
    measure.run_main(main)
