"""The page and what only the page asks for: the list of models, single units, and corrections."""

import asyncio
import importlib.resources
import mimetypes
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from mnist_graph.models import pretrained
from mnist_graph.models.inside import Unit
from mnist_graph.serving import answers
from mnist_graph.serving.catalogue import ServedModel
from mnist_graph.serving.corrections import Corrections
from mnist_graph.serving.limits import RequestError
from mnist_graph.serving.reading_api import as_bytes
from mnist_graph.serving.service import Service
from mnist_graph.serving.tensorflow_api import decoded


def make_router(service: Service, corrections: Corrections | None) -> APIRouter:
    """The routes of the page."""
    router = APIRouter(tags=['The page'])
    for name, content in static_files().items():
        _add_file(router, name, content)

    @router.get('/models', summary='All models that are served', responses=answers.ERRORS)
    async def models():
        return {
            'models': [_describe(model) for model in service.catalogue.models.values()],
            'corrections': corrections is not None,
        }

    @router.post(
        '/unit',
        summary='What excites a unit',
        responses=answers.ERRORS,
        openapi_extra=answers.takes_json(answers.UnitQuestion),
    )
    async def unit(request: Request):
        asked = await _validated(answers.UnitQuestion, request)
        model, version = await service.version(asked.model, asked.version)
        names = [layer.name for layer in model.inside.layers]
        if asked.layer not in names:
            raise RequestError(404, f'the layer must be one of {", ".join(names)}')
        number = names.index(asked.layer)
        X = (picture_of(model, asked.picture).astype(np.float32) / 255).reshape(1, -1)
        try:
            found = await service.unit(model, version, X, number, asked.position)
        except IndexError:
            raise RequestError(404, f'{asked.layer} has no unit at {asked.position}') from None
        return answers.json_response(_unit_as_json(found, names[number - 1] if number else 'X'))

    @router.post(
        '/corrections',
        summary='Save a picture with its right label',
        response_model=answers.Saved,
        responses=answers.ERRORS,
        openapi_extra=answers.takes_json(answers.Correction),
    )
    async def correct(request: Request):
        asked = await _validated(answers.Correction, request)
        if corrections is None:
            raise RequestError(403, 'the server was started without --corrections_dir, so it saves nothing')
        model = service.catalogue.model(asked.model)
        image = picture_of(model, asked.picture)
        save = asyncio.get_running_loop().run_in_executor
        try:
            described = model.description
            saved = await save(
                None, corrections.save, image, asked.label, described.class_names, described.reads_digits
            )
        except ValueError as error:
            raise RequestError(400, str(error)) from None
        except OSError as error:
            raise RequestError(500, f'the correction could not be saved ({error.strerror})') from None
        count = await save(None, corrections.count)
        (folder,) = model.found.folders
        command = corrections.command(pretrained.NAME if folder == pretrained.FOLDER else folder)
        return {'saved': saved, 'count': count, 'command': command}

    return router


def static_files() -> dict[str, bytes]:
    """{name: content} of the page's files."""
    folder = importlib.resources.files('mnist_graph.serving') / 'static'
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


def _add_file(router: APIRouter, name: str, content: bytes) -> None:
    path = {'index.html': '/', 'docs.html': '/docs'}.get(name, f'/static/{name}')
    kind = mimetypes.guess_type(name)[0] or 'application/octet-stream'
    # Windows may call JavaScript plain text, which no browser would run.
    kind = 'text/javascript' if name.endswith('.js') else kind

    @router.get(path, include_in_schema=False)
    async def file():
        return Response(content, media_type=kind, headers={'cache-control': 'no-cache'})


async def _validated(kind: type[BaseModel], request: Request) -> Any:
    try:
        return kind.model_validate(await answers.json_body(request))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = '.'.join(map(str, first['loc']))
        raise RequestError(400, f'{where}: {first["msg"]}') from None


def _describe(model: ServedModel) -> dict[str, Any]:
    described = model.description
    return {
        'name': model.name,
        'versions': model.versions(),
        'summary': model.found.summary(),
        'classes': described.class_names,
        'shape': model.shape,
        'layers': [layer.name for layer in model.inside.layers],
    }


def picture_of(model: ServedModel, text: str) -> np.ndarray:
    """uint8 [height, width, channels] of a picture in base64.

    Raises:
      RequestError: It has another size than the model's pictures.
    """
    content = decoded(text, 'picture')
    if len(content) != np.prod(model.shape):
        raise RequestError(400, f'the picture must have {np.prod(model.shape)} bytes, not {len(content)}')
    return np.frombuffer(content, np.uint8).reshape(model.shape)


def _unit_as_json(unit: Unit, before: str) -> dict[str, Any]:
    """The picture is 128 where it is 0 if it may be negative, and 0 else."""
    largest = max(float(np.abs(unit.excites).max()), 1e-12)
    picture = unit.excites / largest
    return {
        'value': unit.value,
        'is_first': unit.is_first,
        'picture': as_bytes((picture * 127 + 128) / 255 if unit.is_first else picture),
        'before': before,
        'strongest': [{'position': position, 'amount': amount} for position, amount in unit.strongest],
    }
