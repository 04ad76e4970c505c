"""POST /read: a picture file comes in, and what was read goes out."""

import base64
import io
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from PIL import Image

from mnist_graph.models import readings
from mnist_graph.models.inside import Layer
from mnist_graph.serving import answers, limits
from mnist_graph.serving.limits import RequestError
from mnist_graph.serving.service import Found, Service

_BINARY = {'type': 'string', 'format': 'binary'}
_BODY = {
    'requestBody': {
        'required': True,
        'content': {
            'image/*': {'schema': _BINARY},
            'application/octet-stream': {'schema': _BINARY},
            'multipart/form-data': {
                'schema': {'type': 'object', 'properties': {'file': _BINARY}, 'required': ['file']}
            },
        },
    }
}


def make_router(service: Service) -> APIRouter:
    """The route /read."""
    router = APIRouter(tags=['Reading'])

    @router.post(
        '/read',
        summary='Read the digits in a picture',
        response_model=answers.Reading,
        responses=answers.ERRORS,
        openapi_extra=_BODY,
    )
    async def read(
        request: Request,
        model: Annotated[str | None, Query(description='Its name; the first by default.')] = None,
        version: Annotated[int | None, Query(description='A checkpoint; the newest by default.')] = None,
        pictures: Annotated[bool, Query(description='Send what the network saw, too.')] = False,
        seen: Annotated[bool, Query(description='Send the picture that the boxes are in, too.')] = False,
        inside: Annotated[
            int | None, Query(description='Number of the digit of which every layer is to be sent, or -1.')
        ] = None,
    ):
        content = await picture_body(request)
        served, loaded = await service.version(model, version)
        found = await service.read(served, loaded, content, seen)
        answer = reading_as_json(found, pictures)
        if found.seen is not None:
            answer['seen'] = jpeg(found.seen)
        if inside is not None and len(found.images):
            number = max(-1, min(inside, len(found.images) - 1)) % len(found.images)
            image = found.images[number].reshape(1, -1)
            _, outputs = await service.insides(loaded, image)
            answer |= {'inside': number, 'layers': layers_as_json(served.inside.layers, outputs)}
        return answers.json_response({'model': served.name, 'version': loaded.number, **answer})

    return router


async def picture_body(request: Request) -> bytes:
    """The picture of a request: the body itself, or the first file of a form.

    Raises:
      RequestError: There is none.
    """
    if not request.headers.get('content-type', '').lower().startswith('multipart/'):
        return await request.body()
    async with request.form(max_files=1, max_fields=8, max_part_size=limits.MAX_BODY_BYTES) as form:
        for value in form.values():
            if not isinstance(value, str):
                return await value.read()
    raise RequestError(400, 'the form holds no file; send the picture as a field named file')


def reading_as_json(found: Found, with_pictures: bool) -> dict[str, Any]:
    """See `answers.Reading`."""
    reading = found.reading
    rows = [number for number, length in enumerate(found.row_lengths) for _ in range(length)]
    digits = []
    for number, (row, probabilities) in enumerate(zip(rows, reading.probabilities.tolist())):
        best = int(np.argmax(reading.probabilities[number, : readings.n_read(reading.class_names)]))
        digits.append(
            {
                'class': reading.class_names[best],
                'probability': probabilities[best],
                'probabilities': dict(zip(reading.class_names, probabilities)),
                'box': found.boxes[number] if found.boxes else None,
                'row': row,
                **({'picture': as_bytes(found.images[number])} if with_pictures else {}),
            }
        )
    return {
        'text': reading.text,
        'rows': list(reading.rows) or [reading.text] * bool(digits),
        'digits': digits,
        'size': found.size,
        'left_out': float(reading.left_out),
    }


def jpeg(picture: np.ndarray) -> str:
    """A uint8 picture [h, w, 1 or 3] as a JPEG file in base64."""
    content = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(content, 'JPEG')
    return base64.b64encode(content.getvalue()).decode()


def as_bytes(image: np.ndarray) -> str:
    """Values in [0, 1] as a byte each, in base64."""
    return base64.b64encode(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8).tobytes()).decode()


def layers_as_json(layers: list[Layer], outputs: list[np.ndarray]) -> list[dict[str, Any]]:
    """For each layer its name, shape, least and largest value, and the values between these as bytes."""
    result = []
    for layer, output in zip(layers, outputs):
        values = np.nan_to_num(output[0], posinf=0.0, neginf=0.0)
        low, high = min(0.0, float(values.min())), float(values.max())
        scaled = (values - low) / max(high - low, 1e-12)
        result.append({'name': layer.name, 'shape': values.shape, 'low': low, 'high': high, 'values': as_bytes(scaled)})
    return result
