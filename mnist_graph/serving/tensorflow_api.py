"""TensorFlow Serving's REST interface, so that its clients work unchanged."""

import base64
import binascii
from typing import Any

import numpy as np
from fastapi import APIRouter, Request

from mnist_graph.serving import answers, limits
from mnist_graph.serving.catalogue import ServedModel
from mnist_graph.serving.limits import RequestError
from mnist_graph.serving.service import Service

_SIGNATURE = 'serving_default'
# A resized or decoded picture may overshoot its range by so much.
_OVERSHOOT = 0.01


def make_router(service: Service) -> APIRouter:
    """The routes below /v1/models."""
    router = APIRouter(prefix='/v1/models', tags=["TensorFlow Serving's REST"])
    predicts: dict[str, Any] = {
        'response_model': answers.Predictions,
        'responses': answers.ERRORS,
        'openapi_extra': answers.takes_json(answers.Predict),
    }

    @router.post('/{name}:predict', summary='Probabilities of pictures', **predicts)
    async def predict_newest(name: str, request: Request):
        return await _predict(service, name, None, request)

    @router.post('/{name}/versions/{number}:predict', summary='The same by a certain checkpoint', **predicts)
    async def predict(name: str, number: int, request: Request):
        return await _predict(service, name, number, request)

    @router.get('/{name}', summary='Which versions there are', responses=answers.ERRORS)
    async def status(name: str):
        model = service.catalogue.model(name)
        return _status(model.versions())

    @router.get('/{name}/metadata', summary='What a model takes and gives', responses=answers.ERRORS)
    async def metadata(name: str):
        return _metadata(service.catalogue.model(name))

    @router.get('/{name}/versions/{number}', summary='Whether there is this version', responses=answers.ERRORS)
    async def status_of_version(name: str, number: int):
        model = service.catalogue.model(name)
        if number not in model.versions():
            raise RequestError(404, f'Could not find version {number} of model {name}')
        return _status([number])

    return router


def _status(numbers: list[int]) -> dict[str, Any]:
    fine = {'error_code': 'OK', 'error_message': ''}
    return {
        'model_version_status': [
            {'version': str(number), 'state': 'AVAILABLE', 'status': fine} for number in reversed(numbers)
        ]
    }


def _metadata(model: ServedModel) -> dict[str, Any]:
    spec = model.description.input_spec

    def tensor(name: str, size: int) -> dict[str, Any]:
        sides = [{'size': '-1', 'name': ''}, {'size': str(size), 'name': ''}]
        return {'dtype': 'DT_FLOAT', 'tensor_shape': {'dim': sides, 'unknown_rank': False}, 'name': name}

    signature = {
        'inputs': {'X': tensor('X:0', spec.n_features)},
        'outputs': {'probabilities': tensor('probabilities:0', spec.n_classes)},
        'method_name': 'tensorflow/serving/predict',
    }
    return {
        'model_spec': {'name': model.name, 'signature_name': '', 'version': str(model.newest())},
        'metadata': {'signature_def': {'signature_def': {_SIGNATURE: signature}}},
    }


async def _predict(service: Service, name: str, number: int | None, request: Request):
    body = await answers.json_body(request)
    service.n_predicting += 1
    try:
        return await _predictions(service, name, number, body)
    finally:
        service.n_predicting -= 1


async def _predictions(service: Service, name: str, number: int | None, body: dict[str, Any]):
    model, version = await service.version(name, number)
    if (signature := body.get('signature_name') or _SIGNATURE) != _SIGNATURE:
        raise RequestError(400, f'Serving signature key "{str(signature)[:100]}" not found.')
    if ('instances' in body) == ('inputs' in body):
        raise RequestError(400, 'give either "instances" or "inputs"')
    key, answer = ('instances', 'predictions') if 'instances' in body else ('inputs', 'outputs')
    X = await _pictures(service, model, body[key])
    return answers.json_response({answer: (await service.scores(version, X)).tolist()})


async def _pictures(service: Service, model: ServedModel, instances: Any) -> np.ndarray:
    """float32 [n, features] of what `instances` or `inputs` hold.

    Raises:
      RequestError: They are no pictures that this model takes.
    """
    if isinstance(instances, dict) and set(instances) == {'X'}:
        instances = instances['X']
    if not isinstance(instances, list) or not instances:
        raise RequestError(400, 'the instances must be a list with at least one picture')
    if len(instances) > limits.MOST_INSTANCES:
        raise RequestError(400, f'at most {limits.MOST_INSTANCES} instances at a time, not {len(instances)}')
    instances = [each['X'] if isinstance(each, dict) and set(each) == {'X'} else each for each in instances]
    encoded = [each for each in instances if isinstance(each, dict)]
    if not encoded:
        return _pixels(model, instances)
    if len(encoded) > limits.MOST_PICTURES:
        raise RequestError(400, f'at most {limits.MOST_PICTURES} encoded pictures at a time, not {len(encoded)}')
    rows = []
    for each in instances:
        if isinstance(each, dict):
            rows.append(await service.picture(model, decoded(each.get('b64'), 'b64')))
        else:
            rows.append(_pixels(model, [each])[0])
    return np.stack(rows)


def _pixels(model: ServedModel, instances: list) -> np.ndarray:
    """Pictures that are given by their pixels."""
    n, height_width_channels = model.description.input_spec.n_features, model.shape
    try:
        pixels = np.array(instances, np.float32)
    except (ValueError, TypeError, OverflowError):
        pixels = np.zeros(0, np.float32)
    shapes = [(n,), height_width_channels, *[height_width_channels[:2]] * (height_width_channels[2] == 1)]
    if pixels.shape[1:] not in shapes:
        expected = ' or '.join(str(list(shape)) for shape in shapes)
        raise RequestError(400, f'each instance must be a picture of numbers of shape {expected}')
    if not (pixels >= -_OVERSHOOT).all() or not (pixels <= 1 + _OVERSHOOT).all():
        raise RequestError(400, 'pixels must be in [0, 1], bright ink on black; divide bytes by 255')
    return pixels.reshape(len(pixels), n)


def decoded(text: Any, name: str) -> bytes:
    """The bytes of a text in base64, with or without padding, in its usual alphabet or that of addresses.

    Raises:
      RequestError: It is none.
    """
    try:
        if not isinstance(text, str):
            raise ValueError
        plain = text.rstrip('=').replace('-', '+').replace('_', '/')
        return base64.b64decode(plain + '=' * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise RequestError(400, f'{name!r} must be text in base64') from None
