"""Listening, serving, and ending without losing a request."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import uvicorn

from mnist_graph.base import tensorflow
from mnist_graph.base.errors import UsageError
from mnist_graph.serving import app, catalogue
from mnist_graph.serving.corrections import Corrections
from mnist_graph.serving.gate import Gate
from mnist_graph.serving.metrics import Metrics
from mnist_graph.serving.service import Service
from mnist_graph.serving.workers import Workers

# Connections at a time; more are answered 503.
_MOST_CONNECTIONS = 800
# Seconds that a connection may stay without a request, or with the beginning of one.
_IDLE_SECONDS, _HEADER_SECONDS = 30, 20.0
# Seconds for which the server still takes requests after it was told to end: clients that keep their connections learn
# in this time that they must close them.
_DRAIN_SECONDS = 0.3
# Seconds that requests in flight are given then.
_GRACE_SECONDS = 30
_BACKLOG = 1024


class Settings(NamedTuple):
    """Where to listen, and what with.

    Attributes:
      host, port: Address; port 0 takes any that is free.
      n_threads: Cores to use.
    """

    host: str
    port: int
    n_threads: int


def is_local(host: str) -> bool:
    """Whether only this machine reaches that address."""
    return host in ('localhost', '::1') or host.startswith('127.')


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
      UsageError: The port is in use, or the address is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        return listener
    except socket.gaierror:
        raise UsageError(f'--host={host}: there is no such address; give one of this machine, as 127.0.0.1.') from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f'--port={port}: cannot be used on {host} ({reason}); give another --port.') from None


def address_of(host: str, listener: socket.socket) -> str:
    """What to type into a browser."""
    shown = 'localhost' if host in ('0.0.0.0', '::') else f'[{host}]' if ':' in host else host
    return f'http://{shown}:{listener.getsockname()[1]}/'


def run(
    listener: socket.socket,
    models: dict[str, Any],
    settings: Settings,
    corrections: Corrections | None,
    on_ready: Callable[[], None],
) -> None:
    """Loads the models and serves until SIGINT, SIGTERM or SIGHUP.

    Args:
      listener: As of `listen`.
      models: As of `catalogue.find`.
      settings: Where, and with how many cores.
      corrections: Where corrections are saved; None saves none.
      on_ready: Called when requests are answered.
    """
    workers = Workers(max(2, settings.n_threads))  # which start while TensorFlow is imported
    try:
        metrics = Metrics()
        service = _load(models, workers, metrics, settings)
    except BaseException:
        workers.close()
        raise
    names = {'localhost', settings.host, socket.gethostname()}
    gate = app.make_app(service, metrics, corrections, names)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_Server(gate, listener, on_ready).serve(sockets=[listener]))
    finally:
        service.close()


def _load(models: dict[str, Any], workers: Workers, metrics: Metrics, settings: Settings) -> Service:
    tensorflow.import_tensorflow()
    from mnist_graph.training import cores

    cores.share_cores(settings.n_threads)
    return Service(catalogue.Catalogue(models, settings.n_threads), workers, metrics)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where that is installed."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


class _Server(uvicorn.Server):
    """uvicorn's server, which here ends in two steps and closes connections that never ask."""

    def __init__(self, gate: Gate, listener: socket.socket, on_ready: Callable[[], None]):
        config = uvicorn.Config(
            gate,
            log_config=None,
            log_level='warning',
            access_log=False,
            server_header=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            limit_concurrency=_MOST_CONNECTIONS,
            lifespan='off',
            proxy_headers=False,
        )
        super().__init__(config)
        self._gate, self._on_ready = gate, on_ready
        self._stalled: dict[Any, Any] = {}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._sweeper = asyncio.create_task(self._sweep())
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._gate.is_draining = True
        if not self.force_exit:
            await asyncio.sleep(_DRAIN_SECONDS)
        self._sweeper.cancel()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first signal asks for an end, the second for one at once; unlike uvicorn's, none is raised again."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if hasattr(signal, 'SIGHUP') and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        previous = [signal.signal(number, self.handle_exit) for number in numbers]
        try:
            yield
        finally:
            for number, before in zip(numbers, previous):
                signal.signal(number, before)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    async def _sweep(self) -> None:
        """Closes connections on which for a while there was no whole request, in case they hold others off."""
        while True:
            await asyncio.sleep(_HEADER_SECONDS)
            waiting = {}
            for connection in list(self.server_state.connections):
                cycle: Any = getattr(connection, 'cycle', None)
                if cycle is None or cycle.response_complete:
                    waiting[connection] = cycle
                    if connection in self._stalled and self._stalled[connection] is cycle:
                        transport = getattr(connection, 'transport', None)
                        if transport:
                            transport.close()
            self._stalled = waiting
