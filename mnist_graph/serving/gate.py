"""What every request passes first: who may ask, how much at a time, and what every answer says to browsers."""

import asyncio
import contextlib
import ipaddress
import re
import time
from typing import Any
from urllib.parse import urlsplit

import pydantic_core
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_graph.serving import limits
from mnist_graph.serving.metrics import Metrics

# A name or an address in numbers, and a port.
_HOST = re.compile(r'([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?')
_HEADERS = [
    (
        b'content-security-policy',
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b'x-content-type-options', b'nosniff'),
    (b'referrer-policy', b'no-referrer'),
    (b'cross-origin-opener-policy', b'same-origin'),
    (b'cross-origin-resource-policy', b'same-origin'),
    (b'permissions-policy', b'camera=(self), microphone=(), geolocation=()'),
]


class Gate:
    """Pure ASGI, as a layer of Starlette's own would copy every message.

    Args:
      app: What answers.
      metrics: Is told of every answer.
      names: Host names that this server goes by; addresses in numbers are always allowed, as no other site can have
        a browser send one in its own name.

    Attributes:
      n_posts: Requests with a body that are worked on now.
      n_bytes: What has arrived of their bodies.
      is_draining: Whether the server is about to end: every answer then closes its connection.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, names: set[str]):
        self._app, self._metrics = app, metrics
        self._names = {name.lower() for name in names}
        self.n_bytes = 0
        self.n_posts = 0
        self.is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http':
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message['type'] == 'http.response.start':
                status = message['status']
                closing = [(b'connection', b'close')] if self.is_draining or status in (408, 413) else []
                message = {**message, 'headers': [*message['headers'], *_HEADERS, *closing]}
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal:
                await _refuse(answer, *refusal)
            elif scope['method'] == 'POST':
                await self._post(scope, receive, answer)
            else:
                await self._app(scope, receive, answer)
        finally:
            route = getattr(scope.get('route'), 'path', 'none')
            self._metrics.on_answer(route, status, time.perf_counter() - begun)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is not let in: (status, reason)."""
        headers = dict(scope['headers'])
        host = headers.get(b'host', b'').decode('latin-1')
        if not self._is_own(host):
            return 421, f'the host {host[:100]!r} is not this server; use its address'
        origin = headers.get(b'origin')
        if origin is not None and urlsplit(origin.decode('latin-1')).netloc.lower() != host.lower():
            return 403, 'requests from the pages of other sites are refused'
        if headers.get(b'sec-fetch-site') == b'cross-site' and scope['method'] != 'GET':
            return 403, 'requests from the pages of other sites are refused'
        length = headers.get(b'content-length', b'0')
        if length.isdigit() and int(length) > limits.MAX_BODY_BYTES:
            return 413, _too_large()
        return None

    def _is_own(self, host: str) -> bool:
        match = _HOST.fullmatch(host.lower())
        if not match:
            return False
        name = match[1].strip('[]')
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in self._names

    async def _post(self, scope: Scope, receive: Receive, answer: Send) -> None:
        if self.n_posts >= limits.MOST_REQUESTS or self.n_bytes >= limits.MOST_BYTES:
            await _refuse(answer, 503, 'too many requests at once; try again', retry=True)
            return
        body = _Body(self, receive)
        self.n_posts += 1
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, body.receive, answer)
        finally:
            self.n_posts -= 1
            self.n_bytes -= body.n_bytes
            self._metrics.in_flight.dec()


class _Body:
    """One request's body as it arrives, within the bounds of size and time."""

    def __init__(self, gate: Gate, receive: Receive):
        self._gate, self._receive = gate, receive
        self._deadline = time.monotonic() + limits.BODY_SECONDS
        self._is_whole = False
        self.n_bytes = 0

    async def receive(self) -> Message:
        """The next message; raises HTTPException where a bound is passed."""
        if self._is_whole:  # what comes next is that the client has gone
            return await self._receive()
        seconds = min(limits.PIECE_SECONDS, self._deadline - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, seconds))
        except TimeoutError:
            raise HTTPException(408, 'the body of the request did not arrive in time') from None
        self._is_whole = not message.get('more_body', False)
        size = len(message.get('body', b''))
        self.n_bytes += size
        self._gate.n_bytes += size
        if self.n_bytes > limits.MAX_BODY_BYTES:
            raise HTTPException(413, _too_large())
        return message


def _too_large() -> str:
    return f'the body has more than {limits.MAX_BODY_BYTES // 1_000_000} MB'


async def _refuse(answer: Any, status: int, reason: str, retry: bool = False) -> None:
    content = pydantic_core.to_json({'error': reason})
    headers = [(b'content-type', b'application/json'), (b'content-length', str(len(content)).encode())]
    if retry:
        headers.append((b'retry-after', str(limits.RETRY_AFTER_SECONDS).encode()))
    await answer({'type': 'http.response.start', 'status': status, 'headers': headers})
    await answer({'type': 'http.response.body', 'body': content})
