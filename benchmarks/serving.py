"""Measures the server under load: requests a second beside Flask and Gradio, memory, and SIGTERM under load.

    python benchmarks/serving.py speed --clients=1,8,64 --seconds=5 --rounds=5
    python benchmarks/serving.py memory --requests=200000
    python benchmarks/serving.py sigterm

The peers run in the interpreter that --peers_python names, which needs flask and gradio. What is sent is a drawn digit of
280x280 pixels as PNG, and for predictions its 784 pixels as JSON. Clients keep their connections. All servers are started
at first, and then measured in turn, so that other work on the machine disturbs all of them alike.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import measure
import numpy as np
from PIL import Image

from mnist_graph import drawn


def picture():
    """(PNG file, JSON of an instance) of a drawn digit."""
    digit = drawn.draw_digits(10, 5)[0][0]
    large = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
    with tempfile.NamedTemporaryFile(suffix='.png') as file:
        large.save(file.name)
        content = pathlib.Path(file.name).read_bytes()
    return content, json.dumps({'instances': [np.round(digit.ravel() / 255, 4).tolist()]}).encode()


class Server:
    """A server in a process of its own, on a port of its own, until the `with` ends; it and its children are one."""

    def __init__(self, name, command, probe):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        self.name, self._probe = name, probe
        command = [part.replace('PORT', str(self.port)) for part in command]
        environment = {**os.environ, 'PYTHONPATH': measure.ROOT, 'GRADIO_ANALYTICS_ENABLED': 'False'}
        self.process = subprocess.Popen(
            command, cwd=measure.ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self):
        """Waits until the server answers.

        Raises:
            BenchmarkError: It has not within two minutes, or ended.
        """
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f'http://127.0.0.1:{self.port}{self._probe}', timeout=5)
                return self
            except urllib.error.HTTPError:
                return self
            except OSError:
                time.sleep(0.2)
            if self.process.poll() is not None:
                break
        self.process.kill()
        raise measure.BenchmarkError(f'{self.name} does not start')

    def __exit__(self, *error):
        """Ends the server, by force if it takes more than half a minute."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def _pids(self):
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children') as file:
            return [self.process.pid, *map(int, file.read().split())]

    def cpu(self):
        """Seconds that the process and its children have computed."""
        ticks = 0
        for pid in self._pids():
            with open(f'/proc/{pid}/stat') as file:
                ticks += sum(map(int, file.read().rpartition(')')[2].split()[11:13]))
        return ticks / os.sysconf('SC_CLK_TCK')

    def memory(self):
        """Resident megabytes of the process and its children."""
        pages = 0
        for pid in self._pids():
            with open(f'/proc/{pid}/statm') as file:
                pages += int(file.read().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


def ours():
    """The package's own server with the shipped reader."""
    return Server(
        'serve', [sys.executable, '-m', 'mnist_graph.serve', '--model_dir=pretrained', '--port=PORT'], '/readyz'
    )


def peer(name, python):
    """The same in another library, benchmarks/peers/NAME_app.py, run by the interpreter at the path `python`."""
    return Server(name, [python, f'benchmarks/peers/{name}_app.py', 'PORT'], '/nothing')


async def send(reader, writer, port, path, body, kind):
    """One request on an open connection; returns (status, whether the server closes the connection, body)."""
    writer.write(
        f'POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n'
        f'Content-Length: {len(body)}\r\n\r\n'.encode()
        + body
    )
    head = (await reader.readuntil(b'\r\n\r\n')).decode('latin-1').lower()
    lines = dict(line.split(': ', 1) for line in head.split('\r\n')[1:] if ': ' in line)
    if 'content-length' in lines:
        content = await reader.readexactly(int(lines['content-length']))
    elif lines.get('transfer-encoding') == 'chunked':
        content = b''
        while size := int(await reader.readline(), 16):
            content += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        content = await reader.read()
    return int(head.split()[1]), lines.get('connection') == 'close' or head.startswith('http/1.0'), content


class Client:
    """Sends one request after the other, and notes in `seconds` how long each took that was answered.

    `lost` gets the status or the error of each that was not, and `refused` counts connections that nobody took.
    """

    def __init__(self, port, request):
        self._port, self._request = port, request
        self.seconds, self.lost, self.refused = [], [], 0

    async def run(self, until, most=None):
        writer = None
        while time.monotonic() < until and (most is None or len(self.seconds) + len(self.lost) < most):
            begun, sent = time.perf_counter(), False
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection('127.0.0.1', self._port)
                sent = True
                status, closes, _ = await send(reader, writer, self._port, *self._request)
            except (OSError, asyncio.IncompleteReadError) as error:
                if not sent:  # nobody listens any more
                    self.refused += 1
                    return
                self.lost.append(repr(error))
                writer.close()
                writer = None
                continue
            if status == 200:
                self.seconds.append(time.perf_counter() - begun)
            else:
                self.lost.append(status)
            if closes:
                writer.close()
                writer = None
        if writer:
            writer.close()


async def load(port, request, n_clients, seconds, most=None):
    """Runs clients side by side; returns them and the seconds that it took."""
    clients = [Client(port, request) for _ in range(n_clients)]
    begun = time.monotonic()
    await asyncio.gather(*(client.run(begun + seconds, most) for client in clients))
    return clients, time.monotonic() - begun


def figures(server, request, n_clients, seconds):
    """(requests a second, median ms, 99th percentile ms, ms of CPU for each, requests that were lost)."""
    asyncio.run(load(server.port, request, n_clients, 0.5))
    cpu = server.cpu()
    clients, took = asyncio.run(load(server.port, request, n_clients, seconds))
    times = sorted(each for client in clients for each in client.seconds)
    lost = sum(len(client.lost) for client in clients)
    if not times:
        raise measure.BenchmarkError('no request was answered')
    cpu = 1000 * (server.cpu() - cpu) / len(times)
    return len(times) / took, 1000 * statistics.median(times), 1000 * times[int(0.99 * (len(times) - 1))], cpu, lost


def speed(arguments):
    """Prints a table: each server's requests a second, median and 99th percentile; of several rounds, their median."""
    png, instance = picture()
    text = json.dumps({'data': [base64.b64encode(png).decode()]}).encode()
    rows = json.dumps({'data': [json.loads(instance)['instances']]}).encode()
    png_kind, json_kind = 'image/png', 'application/json'
    read, predict = ('/read', png, png_kind), ('/predict', instance, json_kind)
    requests = {
        'serve': {'read': read, 'predict': ('/v1/models/pretrained:predict', instance, json_kind)},
        'flask': {'read': read, 'predict': predict},
        'gradio': {
            'read': ('/gradio_api/run/read', text, json_kind),
            'predict': ('/gradio_api/run/predict', rows, json_kind),
        },
    }
    measured = {}
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(ours())]
        servers += [stack.enter_context(peer(name, arguments.peers_python)) for name in ('flask', 'gradio')]
        for _ in range(arguments.rounds):
            for what in ('read', 'predict'):
                for n_clients in arguments.clients:
                    for server in servers:
                        found = figures(server, requests[server.name][what], n_clients, arguments.seconds)
                        measured.setdefault((what, n_clients, server.name), []).append(found)
                        print(what, n_clients, server.name, *found, file=sys.stderr, flush=True)
    rows = []
    for (what, n_clients, name), rounds in measured.items():
        rate, median, late, cpu, lost = (statistics.median(column) for column in zip(*rounds))
        rows.append([what, n_clients, name, f'{rate:.0f}', f'{median:.1f}', f'{late:.1f}', f'{cpu:.1f}', f'{lost:.0f}'])
    print(measure.machine())
    print(
        measure.markdown_table(
            ['request', 'clients', 'server', 'a second', 'median, ms', '99th, ms', 'CPU, ms', 'lost'], rows
        )
    )


def memory(arguments):
    """Prints the memory of the server and its workers after each tenth of many requests."""
    png, instance = picture()
    requests = [('/read', png, 'image/png'), ('/v1/models/pretrained:predict', instance, 'application/json')]
    with ours() as server:
        for tenth in range(11):
            print(f'{tenth * arguments.requests // 10} requests: {server.memory():.0f} MB', flush=True)
            if tenth < 10:
                for request, share in zip(requests, (0.1, 0.9)):
                    each = int(arguments.requests / 10 * share / 16)
                    clients, _ = asyncio.run(load(server.port, request, 16, 3600, each))
                    if lost := [error for client in clients for error in client.lost]:
                        raise measure.BenchmarkError(f'{len(lost)} requests were lost, the first by {lost[0]}')


def sigterm(arguments):
    """Prints how many requests were answered, and how many lost, when the server is told to end under load."""
    png, instance = picture()
    requests = {
        'read': ('/read', png, 'image/png'),
        'predict': ('/v1/models/pretrained:predict', instance, 'application/json'),
    }
    for what, request in requests.items():
        for _ in range(arguments.rounds):
            with ours() as server:

                async def until_the_end():
                    working = asyncio.create_task(load(server.port, request, 64, 60))
                    await asyncio.sleep(3)
                    server.process.send_signal(signal.SIGTERM)
                    return await working

                clients, _ = asyncio.run(until_the_end())
                answered = sum(len(client.seconds) for client in clients)
                lost = [error for client in clients for error in client.lost]
                print(f'{what}: {answered} answered, {len(lost)} lost {sorted(set(map(str, lost)))}, exit code '
                      f'{server.process.wait(60)}', flush=True)  # fmt: skip


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('what', choices=['speed', 'memory', 'sigterm'])
    parser.add_argument('--clients', type=lambda text: [int(part) for part in text.split(',')], default=[1, 8, 64])
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--requests', type=int, default=200_000)
    parser.add_argument('--peers_python', default=sys.executable, help='interpreter that has flask and gradio')
    arguments = parser.parse_args()
    {'speed': speed, 'memory': memory, 'sigterm': sigterm}[arguments.what](arguments)


if __name__ == '__main__':
    measure.run_main(main)
