"""The processes that decode pictures: a picture that crashes, hangs or bloats one of them stops nobody else."""

import asyncio
import contextlib
import io
import multiprocessing
import os
import pickle
import signal
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base import signals
from mnist_graph.base.errors import ImageError
from mnist_graph.serving import limits
from mnist_graph.serving.limits import RequestError

Score = Callable[[np.ndarray], Awaitable[np.ndarray]]
# Between the processes, each message is a pickle after the number of its bytes.
_LENGTH = struct.Struct('!Q')
# Seconds that a process may take to start, and bytes that are taken from its socket at a time.
_START_SECONDS, _PIECE = 60.0, 1 << 20
# Pixels: the longest side of a picture that is sent back, which the page shows no larger.
_SHOWN_SIDE = 800


class Job(NamedTuple):
    """A picture to be made what a network takes.

    Attributes:
      content: The file.
      kind: 'page' looks for all digits, and asks for their scores; 'one' takes the digit that stands out; 'plain'
        resizes the picture as it is.
      shape: (height, width, channels) of what the network takes.
      keeps_seen: Whether the page is to hold the picture that was looked at, uint8 and of _SHOWN_SIDE pixels at most.
    """

    content: bytes
    kind: str
    shape: tuple[int, int, int]
    keeps_seen: bool = False


def work(connection: socket.socket) -> None:
    """Answers jobs until the other side is gone.

    A job is answered by any number of float32 [n, 28, 28] images, to each of which the other side sends scores, and at
    last by ('done', a `reading.Page` or float32 [height, width, channels]) or ('refused', a line).
    """
    for name in ('SIGINT', 'SIGTERM', 'SIGHUP'):  # who started this process will end it; Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)  # the pictures are what is done side by side
    _limit_memory()
    incoming = connection.makefile('rb')

    def send(message: Any) -> None:
        connection.sendall(_packed(message))

    def receive() -> Any:
        return pickle.loads(incoming.read(*_LENGTH.unpack(incoming.read(_LENGTH.size))))

    with contextlib.suppress(struct.error, ConnectionError):  # the other side is gone
        send('ready')
        while True:
            job = receive()
            try:
                answer = ('done', _read(job, send, receive))
            except ImageError as error:
                answer = ('refused', str(error))
            except MemoryError:
                answer = ('refused', 'the picture takes too much memory to read; make it smaller.')
            send(answer)


def _packed(message: Any) -> bytes:
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(content)) + content


def _read(job: Job, send: Callable[[Any], None], receive: Callable[[], Any]):
    from mnist_graph.pictures import extract, pixels, reading

    source = io.BytesIO(job.content)
    if job.kind == 'one':
        return extract.picture_to_digit(source)[:, :, None]
    if job.kind == 'plain':
        return extract.plain_resize(source, *job.shape)
    reader = reading.read(source)
    try:
        asked = next(reader)
        while True:
            send(np.ascontiguousarray(asked, np.float32))
            asked = reader.send(receive())
    except StopIteration as done:
        page = done.value
        keeps = job.keeps_seen and page.seen is not None
        return page._replace(seen=pixels.shown(page.seen, _SHOWN_SIDE) if keeps else None)


def _limit_memory() -> None:
    """Bounds the address space of this process, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open('/proc/self/statm') as file:
            used = int(file.read().split()[0]) * os.sysconf('SC_PAGE_SIZE')
        resource.setrlimit(resource.RLIMIT_AS, (used + limits.WORKER_BYTES, used + limits.WORKER_BYTES))


class _Process:
    """One worker process, and the connection to it."""

    def __init__(self) -> None:
        # A fresh interpreter: one that is forked would inherit TensorFlow's locks but not its threads.
        context = multiprocessing.get_context('spawn')
        self._connection, theirs = socket.socketpair()
        self._connection.setblocking(False)
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        with signals.interrupts_blocked():
            self.process.start()
        theirs.close()
        self._is_ready = False

    async def send(self, message: Any) -> None:
        """Sends a message; raises TimeoutError or OSError where nobody takes it."""
        async with asyncio.timeout(limits.PICTURE_SECONDS):
            await asyncio.get_running_loop().sock_sendall(self._connection, _packed(message))

    async def receive(self) -> Any:
        """The next message; raises TimeoutError or EOFError where there is none."""
        if not self._is_ready:
            async with asyncio.timeout(_START_SECONDS):
                await self._message()
            self._is_ready = True
        async with asyncio.timeout(limits.PICTURE_SECONDS):
            return await self._message()

    async def _message(self) -> Any:
        loop, content, size = asyncio.get_running_loop(), bytearray(), _LENGTH.size
        while len(content) < size:
            piece = await loop.sock_recv(self._connection, _PIECE)
            if not piece:
                raise EOFError
            content += piece
            if len(content) >= _LENGTH.size:
                size = _LENGTH.size + _LENGTH.unpack_from(content)[0]
        return pickle.loads(memoryview(content)[_LENGTH.size :])

    def end(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self._connection.close()
        self.process.join()


class Workers:
    """So many worker processes.

    Args:
      n: How many, at least 1.
    """

    def __init__(self, n: int):
        self._all = {_Process() for _ in range(n)}
        # The last one used is taken first, as its memory is at hand.
        self._idle = deque(self._all)
        self._n_idle = asyncio.Semaphore(n)

    async def read(self, job: Job, score: Score | None = None):
        """What the worker made of a job: a `reading.Page`, or float32 [height, width, channels].

        Args:
          job: The picture.
          score: Called with float32 [n, 28, 28], for 'page'.

        Raises:
          RequestError: The picture cannot be read.
        """
        async with self._n_idle:
            process = self._idle.pop()
            is_well = False
            try:
                kind, answer = await self._converse(process, job, score)
                is_well = True
            except TimeoutError:
                raise RequestError(
                    400, f'the picture took more than {limits.PICTURE_SECONDS:.0f} seconds to read'
                ) from None
            except (EOFError, OSError):
                raise RequestError(
                    400, 'the picture could not be decoded: it ended the process that tried to'
                ) from None
            finally:
                if is_well:
                    self._idle.append(process)
                else:
                    await asyncio.get_running_loop().run_in_executor(None, self._replace, process)
        if kind == 'refused':
            raise RequestError(400, answer)
        return answer

    async def _converse(self, process: _Process, job: Job, score: Score | None) -> tuple[str, Any]:
        await process.send(job)
        while isinstance(message := await process.receive(), np.ndarray):
            await process.send(await score(message) if score else None)
        return message

    def _replace(self, process: _Process) -> None:
        self._all.discard(process)
        process.end()
        process = _Process()
        self._all.add(process)
        self._idle.appendleft(process)

    def close(self) -> None:
        """Ends all processes; nothing may be asked any more."""
        for process in self._all:
            process.end()
