"""All routes together, and errors as JSON."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mnist_graph import __version__
from mnist_graph.serving import answers, page_api, reading_api, tensorflow_api
from mnist_graph.serving.corrections import Corrections
from mnist_graph.serving.gate import Gate
from mnist_graph.serving.limits import RequestError
from mnist_graph.serving.metrics import Metrics
from mnist_graph.serving.service import Service


def make_app(service: Service, metrics: Metrics, corrections: Corrections | None, names: set[str]) -> Gate:
    """The whole application, as ASGI has it.

    Args:
      service: What answers.
      metrics: The figures for Prometheus.
      corrections: Where corrections are saved; None saves none.
      names: See `Gate`.
    """
    api = FastAPI(title='mnist_graph', version=__version__, summary='Reads digits.', docs_url=None, redoc_url=None)
    api.add_exception_handler(RequestError, _on_request_error)
    api.add_exception_handler(HTTPException, _on_http_exception)
    api.add_exception_handler(RequestValidationError, _on_invalid)
    api.add_exception_handler(Exception, _on_defect)
    api.include_router(tensorflow_api.make_router(service))
    api.include_router(reading_api.make_router(service))
    api.include_router(page_api.make_router(service, corrections))
    gate = Gate(api, metrics, names)

    @api.get('/healthz', tags=['Operation'], summary='Whether the server lives')
    async def healthz():
        return {'status': 'ok'}

    @api.get(
        '/readyz', tags=['Operation'], summary='Whether to send requests', responses={503: {'model': answers.Error}}
    )
    async def readyz():
        return answers.json_response({'error': 'ending'}, 503) if gate.is_draining else {'status': 'ok'}

    @api.get('/metrics', tags=['Operation'], summary='Figures for Prometheus', response_class=Response)
    async def figures():
        content, kind = metrics.text()
        return Response(content, media_type=kind)

    return gate


def _error(status: int, message: str, headers: Any = None) -> Response:
    response = answers.json_response({'error': message}, status)
    response.headers.update(headers or {})
    return response


async def _on_request_error(request, error):
    return _error(error.status, str(error))


async def _on_http_exception(request, error):
    return _error(error.status_code, str(error.detail), error.headers)


async def _on_invalid(request, error):
    first = error.errors()[0]
    return _error(422, f'{".".join(map(str, first["loc"]))}: {first["msg"]}')


async def _on_defect(request, error):
    """What it was is logged here, and is not for the client."""
    return _error(500, 'an error of the server; its log says more')
