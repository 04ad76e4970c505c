"""serve as a program: how it starts, is stopped, and fails."""

import contextlib
import http.client
import json
import signal
import socket
import threading
import time
import types
import urllib.request

import pytest

from helpers import serving
from helpers.programs import is_alive
from helpers.small_model import digits_model


def get(address, path):
    with urllib.request.urlopen(address + path, timeout=60) as answer:
        return json.load(answer)


def metrics(address):
    with urllib.request.urlopen(address + 'metrics', timeout=60) as answer:
        return answer.read().decode()


def refuses(address):
    """Whether nobody listens there any more."""
    with socket.socket() as caller:
        return caller.connect_ex(address) != 0


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_it_says_where_it_serves_and_ends_with_the_requests_in_flight_answered(tmp_path):
    with serving.program(tmp_path, f'--model_dir={digits_model().model}') as running:
        assert get(running.address, 'healthz') == {'status': 'ok'}
        assert [model['name'] for model in get(running.address, 'models')['models']] == ['model']
        host, port = running.address.split('/')[2].split(':')
        slow = http.client.HTTPConnection(host, int(port), timeout=60)
        body = json.dumps({'instances': [[0.0] * 784]}).encode()
        slow.putrequest('POST', '/v1/models/model:predict')
        slow.putheader('Content-Length', str(len(body)))
        slow.endheaders(body[:100])
        wait_until(lambda: 'mnist_graph_requests_in_flight 1.0' in metrics(running.address))
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses((host, int(port))))
        slow.send(body[100:])
        answer = slow.getresponse()
        assert answer.status == 200 and len(json.load(answer)['predictions']) == 1
        code, errors = running.end()
    assert code == 0 and 'Traceback' not in errors


def test_ctrl_c_ends_it_with_nothing_left_behind(tmp_path):
    with serving.program(tmp_path) as running:
        children = open(f'/proc/{running.process.pid}/task/{running.process.pid}/children').read().split()
        assert len(children) >= 2
        code, errors = running.end(signal.SIGINT)
    assert code == 0 and 'Traceback' not in errors
    assert errors.startswith('There is no trained model here yet')
    wait_until(lambda: not any(map(is_alive, children)))  # what multiprocessing itself started ends a little later


@pytest.fixture
def serve(entry_point):
    return lambda *flags: entry_point(*flags, name='serve')


def test_mistakes_get_one_line(serve, tmp_path):
    (tmp_path / 'file').write_text('')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        for flags, code, words in (
            ([f'--port={port}'], 2, f'--port={port}: cannot be used on 127.0.0.1'),
            (['--model_dir=nope'], 1, 'nope'),
            (['--host=no.such.host.invalid'], 2, '--host=no.such.host.invalid'),
            ([f'--corrections_dir={tmp_path}/file'], 2, '--corrections_dir='),
            (['--port=70000'], 2, 'port'),
            (['word'], 2, 'Unexpected argument'),
        ):
            ended = serve(*flags)
            assert ended.code == code and words in ended.err and ended.err.count('\n') == 1, flags


def test_another_host_is_warned_of(serve, monkeypatch):
    from mnist_graph.serving import server

    monkeypatch.setattr(server, 'run', lambda *arguments: None)
    assert 'everyone who reaches this machine' in serve('--host=0.0.0.0', '--port=0').err
    assert 'everyone' not in serve('--port=0').err


def test_without_the_extra_it_says_what_to_install(serve, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name, *rest: None if name == 'uvicorn' else find(name, *rest)
    )
    ended = serve()
    assert ended.code == 2 and "[serve]'." in ended.err and ended.err.count('\n') == 1


def test_connections_that_never_ask_are_closed(monkeypatch):
    """A client that holds its connection open with half a request does not keep it for ever."""
    import asyncio

    from mnist_graph.serving import server

    monkeypatch.setattr(server, '_HEADER_SECONDS', 0.2)
    monkeypatch.setattr(server, '_DRAIN_SECONDS', 0.0)
    listener = server.listen('127.0.0.1', 0)
    ready = threading.Event()

    async def app(scope, receive, send):
        pass

    running = server._Server(app, listener, ready.set)
    running._gate = types.SimpleNamespace()
    monkeypatch.setattr(running, 'capture_signals', contextlib.nullcontext)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[listener])), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        for beginning in (b'POST /read HTTP/1.1\r\nHost: loc', b'GET / HTTP/1.1\r\nHost: ' + b'x' * 200_000):
            with socket.create_connection(listener.getsockname(), timeout=30) as slow:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # what it did not read is refused, too
                    slow.sendall(beginning)
                    assert slow.recv(100) == b''
    finally:
        running.should_exit = True
        thread.join(30)
    assert not thread.is_alive()
