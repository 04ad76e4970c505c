"""Downloads from a mirror on this machine that sends the right thing, the wrong thing, half of it, or nothing."""

import errno
import hashlib
import http.server
import itertools
import os
import pathlib
import threading
import time
import types
import urllib.request

import numpy as np
import pytest

from helpers.programs import REPOSITORY
from mnist_graph.base.errors import DataError
from mnist_graph.data import download
from mnist_graph.data.download import MNIST_FILES, RemoteFile, download_mnist

CONTENT = np.random.default_rng(0).bytes(200_000)
FILE = RemoteFile('some-file.gz', len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET /BEHAVIOUR/anything; a request by way of a proxy has the whole address as its path."""

    def do_GET(self):
        self.server.requests.append(self.path)
        path = self.path.partition('mirror.invalid')[2] or self.path
        getattr(self, 'send_' + path.split('/')[1])()

    def _send(self, content, status=200, length=None):
        self.send_response(status)
        self.send_header('Content-Length', str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def send_good(self):
        self._send(CONTENT)

    def send_missing(self):
        self._send(b'<html>Not found</html>', 404)

    def send_page(self):
        self._send(b'<html>Please log in to this network</html>')

    def send_tampered(self):
        self._send(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))

    def send_longer(self):
        self._send(CONTENT + b'x')

    def send_truncated(self):
        self._send(CONTENT[:100_000])

    def send_interrupted(self):
        self._send(CONTENT[:100_000], length=len(CONTENT))

    def send_nothing(self):
        self.server.release.wait(30)

    def send_stalled(self):
        self._send(CONTENT[:1000], length=len(CONTENT))
        self.wfile.flush()
        self.server.release.wait(30)

    def send_dripping(self):
        self._send(b'', length=len(CONTENT))
        try:
            while not self.server.release.wait(0.02):
                self.wfile.write(b'x')
        except OSError:
            pass

    def send_endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(10_000):  # 10 GB
                self.wfile.write(bytes(1 << 20))
                self.server.sent += 1 << 20
        except OSError:
            pass

    def send_nonsense(self):
        self.wfile.write(b'SSH-2.0-OpenSSH\r\n')

    def send_redirected(self):
        self.send_response(302)
        self.send_header('Location', '/good/x')
        self.end_headers()

    def log_message(self, *what):
        pass


@pytest.fixture
def server(monkeypatch):
    """A running mirror; `server.at(behaviour)` is its address."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
    server.requests, server.release, server.sent = [], threading.Event(), 0
    server.root = f'http://127.0.0.1:{server.server_port}/'
    server.at = lambda behaviour: f'{server.root}{behaviour}/'
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    for name in list(os.environ):
        if name.lower().endswith('_proxy'):
            monkeypatch.delenv(name)
    monkeypatch.setattr(urllib.request, '_opener', None)  # which remembers the proxies of its first use
    monkeypatch.setattr(download, 'TIMEOUT_SECONDS', 20)
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(folder, *mirrors, files=(FILE,), **options):
    download_mnist(str(folder), mirrors, files, **options)


def test_good_file(server, tmp_path):
    fetch(tmp_path / 'deep' / 'folder', server.at('good'))
    path = tmp_path / 'deep' / 'folder' / FILE.name
    assert path.read_bytes() == CONTENT and os.listdir(path.parent) == [FILE.name]


@pytest.mark.parametrize('umask, mode', [(0o022, 0o644), (0o077, 0o600)])
def test_permissions_are_those_of_the_umask(server, tmp_path, umask, mode):
    previous = os.umask(umask)
    try:
        fetch(tmp_path, server.at('good'))
    finally:
        os.umask(previous)
    assert (tmp_path / FILE.name).stat().st_mode & 0o777 == mode


BAD = {
    'missing': 'Not Found',
    'page': 'sent 42 bytes that are not the file',
    'tampered': 'wrong size or SHA-256',
    'longer': 'wrong size or SHA-256',
    'truncated': 'sent 100,000 bytes',
    'interrupted': 'sent 100,000 bytes|Incomplete',
    'nothing': 'timed out',
    'stalled': 'timed out',
    'dripping': 'sends too slowly',
    'endless': 'wrong size',
    'nonsense': 'SSH-2.0',
}


@pytest.mark.parametrize('behaviour', BAD)
def test_bad_mirror_leaves_nothing_and_is_named(server, tmp_path, monkeypatch, behaviour):
    if behaviour in ('nothing', 'stalled'):
        monkeypatch.setattr(download, 'TIMEOUT_SECONDS', 0.3)
    elif behaviour == 'dripping':
        # As if each byte took a second, so that its slowness is noticed, and never that a single byte is late.
        monkeypatch.setattr(download, 'time', types.SimpleNamespace(monotonic=itertools.count().__next__))
        monkeypatch.setattr(download, 'MIN_BYTES_PER_SECOND', 10 * len(CONTENT))
    began = time.monotonic()
    with pytest.raises(DataError, match=BAD[behaviour]) as caught:
        fetch(tmp_path, server.at(behaviour))
    assert time.monotonic() - began < 15
    assert os.listdir(tmp_path) == []
    message = str(caught.value)
    assert '\n' not in message and server.at(behaviour) + FILE.name in message
    assert FILE.name in message and message.endswith(f'in {tmp_path} by hand.')
    assert server.sent < 64 << 20


def test_next_mirror_is_tried(server, tmp_path):
    fetch(tmp_path, server.at('missing'), server.at('tampered'), server.at('good'))
    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert [path.split('/')[1] for path in server.requests] == ['missing', 'tampered', 'good']


def test_all_addresses_tried_are_named(server, tmp_path):
    with pytest.raises(DataError) as caught:
        fetch(tmp_path, server.at('missing'), server.at('page'))
    assert all(server.at(behaviour) in str(caught.value) for behaviour in ('missing', 'page'))


def test_redirects_are_followed(server, tmp_path):
    fetch(tmp_path, server.at('redirected'))
    assert (tmp_path / FILE.name).read_bytes() == CONTENT


def test_files_already_there_are_left_alone(server, tmp_path):
    (tmp_path / FILE.name).write_bytes(b'mine')
    fetch(tmp_path, server.at('good'))
    assert (tmp_path / FILE.name).read_bytes() == b'mine' and server.requests == []


def test_leftovers_of_a_killed_download_are_not_believed(server, tmp_path):
    (tmp_path / f'{FILE.name}.abc123.part').write_bytes(CONTENT[:500])
    fetch(tmp_path, server.at('good'))
    assert (tmp_path / FILE.name).read_bytes() == CONTENT


def test_leftovers_of_a_killed_download_are_removed(server, tmp_path):
    for name, age in ((f'{FILE.name}.0123abcd.part', 3600), (f'{FILE.name}.4567abcd.part', 0)):
        (tmp_path / name).write_bytes(CONTENT[:500])
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    fetch(tmp_path, server.at('good'))
    assert sorted(os.listdir(tmp_path)) == [FILE.name, f'{FILE.name}.4567abcd.part']  # somebody may still write that


@pytest.mark.parametrize('failing', ['fsync', 'replace'])
def test_a_full_disk_is_no_fault_of_the_mirror(server, tmp_path, monkeypatch, failing):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(DataError, match=f'^{tmp_path}: {FILE.name} cannot be written .No space left on device.; free'):
        fetch(tmp_path, server.at('good'), server.at('missing'))
    assert os.listdir(tmp_path) == [] and len(server.requests) == 1


def test_stopping_a_download_leaves_nothing(server, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download.hashlib, 'sha256', stop)
    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, server.at('good'))
    assert os.listdir(tmp_path) == []


def test_refused_connection(tmp_path):
    with pytest.raises(DataError, match='refused'):
        fetch(tmp_path, 'http://127.0.0.1:9/')
    assert tmp_path.exists()


def test_a_folder_made_in_vain_is_removed(tmp_path):
    with pytest.raises(DataError, match='refused'):
        fetch(tmp_path / 'mistyped', 'http://127.0.0.1:9/')
    assert os.listdir(tmp_path) == []


def test_bad_addresses(tmp_path):
    for mirror in ('nonsense', 'http://[', 'ftp:///x/'):
        with pytest.raises(DataError, match='could not be downloaded'):
            fetch(tmp_path, mirror)


def test_proxy_of_the_environment_is_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv('http_proxy', server.root)
    fetch(tmp_path, 'http://mirror.invalid/good/')
    assert server.requests == [f'http://mirror.invalid/good/{FILE.name}']
    assert (tmp_path / FILE.name).read_bytes() == CONTENT


def test_parallel_jobs_share_a_folder(server, tmp_path):
    errors = []

    def job():
        try:
            fetch(tmp_path, server.at('good'))
        except Exception as error:
            errors.append(error)

    jobs = [threading.Thread(target=job) for _ in range(6)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join()
    assert errors == [] and os.listdir(tmp_path) == [FILE.name]
    assert (tmp_path / FILE.name).read_bytes() == CONTENT


def test_unwritable_folder(server, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='cannot be made'):
        fetch(tmp_path / 'file' / 'folder', server.at('good'))


def test_progress_bar_goes_to_standard_error(server, tmp_path, capsys):
    fetch(tmp_path, server.at('good'), show_progress=True)
    shown = capsys.readouterr()
    assert shown.out == '' and FILE.name in shown.err


def test_the_real_files_are_checked_over_https():
    assert all(mirror.startswith('https://') and mirror.endswith('/') for mirror in download.MIRRORS)
    assert len(download.MIRRORS) >= 2 and sum(file.size for file in MNIST_FILES) == 11_594_722
    assert all(len(file.sha256) == 64 and file.name.endswith('.gz') for file in MNIST_FILES)
    for source in pathlib.Path(REPOSITORY, 'mnist_graph').rglob('*.py'):
        text = source.read_text()
        assert 'CERT_NONE' not in text and '_create_unverified_context' not in text and 'verify=False' not in text


@pytest.mark.skipif(not os.environ.get('MNIST_DATA_DIR'), reason='needs MNIST_DATA_DIR')
def test_the_real_files_have_these_hashes():
    for file in MNIST_FILES:
        path = os.path.join(os.environ['MNIST_DATA_DIR'], file.name)
        if os.path.exists(path):
            content = pathlib.Path(path).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
