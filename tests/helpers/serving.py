"""A small server inside the tests' process, and one in a process of its own."""

import contextlib
import io
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from helpers.programs import environment
from helpers.small_model import digits_model, picture
from mnist_graph.models import pretrained, saved_model
from mnist_graph.serving import app, catalogue
from mnist_graph.serving.metrics import Metrics
from mnist_graph.serving.service import Service
from mnist_graph.serving.workers import Workers

# So that tests on many cores at a time do not take each other for a hung server.
SECONDS = 120


def png(image):
    """A PIL image as the bytes of a PNG."""
    content = io.BytesIO()
    image.save(content, 'PNG')
    return content.getvalue()


TWO = png(picture(2))


def error_of(response, status):
    """The message of an answer that must be a refusal with this status."""
    assert response.status_code == status, response.text
    assert set(response.json()) == {'error'}
    return response.json()['error']


@contextlib.contextmanager
def small_server(corrections=None, **models):
    """(httpx client, gate) of a server of the small digits model, called `small`, and the shipped reader, in this process.

    Args:
      corrections: A `Corrections`, or None.
      models: Folders by name, if others are to be served.
    """
    from starlette.testclient import TestClient

    models = models or {'small': digits_model().model, 'pretrained': pretrained.FOLDER}
    metrics, workers = Metrics(), Workers(2)
    found = {name: saved_model.find(folder) for name, folder in models.items()}
    service = Service(catalogue.Catalogue(found, 1), workers, metrics)
    gate = app.make_app(service, metrics, corrections, {'localhost'})
    try:
        with TestClient(gate, base_url='http://localhost', raise_server_exceptions=False) as client:
            yield client, gate
    finally:
        service.close()


class Program:
    """`python -m mnist_graph.serve` on a free port, in a process of its own.

    Attributes:
      address: Of the page.
      process: The subprocess.Popen.
    """

    def __init__(self, folder, *arguments):
        self._errors = tempfile.TemporaryFile('w+')  # a pipe that is full would hold the server up
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'mnist_graph.serve', '--port=0', '--num_threads=2', *map(str, arguments)],
            cwd=folder,
            env=environment(pathlib.Path(folder)),
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._timer = threading.Timer(SECONDS, self.process.kill)
        self._timer.start()
        self.line = self.process.stdout.readline()
        self._timer.cancel()
        match = re.fullmatch(r'Serving at (http://127\.0\.0\.1:\d+/)\n', self.line)
        if not match:
            raise AssertionError(self.line + self.kill())
        self.address = match[1]

    def kill(self):
        """Ends it if it still runs; returns standard error."""
        self.process.kill()
        self.process.wait()
        self._errors.seek(0)
        return self._errors.read()

    def end(self, number=signal.SIGTERM):
        """Sends a signal; returns the exit code and standard error."""
        self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        return code, self.kill()


@contextlib.contextmanager
def program(folder, *arguments):
    """A `Program`, ended when it is left."""
    running = Program(folder, *arguments)
    try:
        yield running
        if running.process.poll() is None:
            running.end()
    finally:
        running.kill()


def copy_of_small_model(folder, name='small'):
    """A copy of the small digits model, whose checkpoints are of the steps 30 and 60; returns its path."""
    path = os.path.join(folder, name)
    shutil.copytree(digits_model().model, path)
    return path
