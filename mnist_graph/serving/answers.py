"""The bodies of requests and answers, as /openapi.json describes them."""

from typing import Any

import pydantic_core
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from mnist_graph.serving.limits import RequestError


class Error(BaseModel):
    """Why a request was not answered."""

    error: str


class Digit(BaseModel):
    """One digit, or one picture of another class."""

    label: str = Field(alias='class', description='The likeliest class.')
    probability: float
    probabilities: dict[str, float]
    box: list[int] | None = Field(description='left, top, right, bottom in a picture of the given size; half open.')
    row: int = Field(description='From the top, beginning with 0.')
    picture: str | None = Field(None, description='What the network saw, in base64: a byte for each pixel and channel.')


class Reading(BaseModel):
    """What was read in a picture."""

    model: str
    version: int
    text: str = Field(description='All rows, joined by /; empty if there is no digit.')
    rows: list[str]
    digits: list[Digit]
    size: list[int] = Field(
        description='Width and height of the picture that the boxes are in: reduced, or only the sheet of paper in it.'
    )
    left_out: float = Field(description='Share of the ink that was seen and is in no digit.')
    seen: str | None = Field(
        None, description='The picture that the boxes are in, a JPEG in base64, if it was asked for.'
    )
    layers: list[dict[str, Any]] | None = Field(None, description='What each layer computed, if it was asked for.')


class Predict(BaseModel):
    """One of `instances` and `inputs`."""

    signature_name: str | None = None
    instances: list[Any] | None = Field(
        None,
        description='Pictures: pixels in [0, 1], flat or as [height, width] or [height, width, channels], '
        'or {"b64": an encoded picture file in base64}.',
    )
    inputs: Any = Field(None, description='The same in columns.')


class Predictions(BaseModel):
    """For each instance the probabilities of the classes, in their order."""

    predictions: list[list[float]] | None = None
    outputs: list[list[float]] | None = None


class UnitQuestion(BaseModel):
    """Which unit, and at which picture."""

    model: str
    version: int
    picture: str = Field(description='As in an answer of /read.')
    layer: str
    position: list[int] = Field(max_length=3)


class Correction(BaseModel):
    """What a picture really shows."""

    model: str
    picture: str = Field(description='As in an answer of /read.')
    label: str = Field(max_length=200)


class Saved(BaseModel):
    """Where a correction was saved, how many there are, and how to train on them."""

    saved: str
    count: int
    command: str


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {'model': Error} for status in (400, 403, 404, 408, 413, 421, 422, 500, 503)
}


def json_response(value: Any, status: int = 200) -> Response:
    """An answer in JSON; numbers that JSON cannot hold become null."""
    return Response(pydantic_core.to_json(value), status, media_type='application/json')


async def json_body(request: Request) -> dict[str, Any]:
    """The body of a request, an object in JSON.

    Raises:
      RequestError: It is something else.
    """
    try:
        value = pydantic_core.from_json(await request.body())
    except ValueError as error:
        raise RequestError(400, f'the body is not JSON: {str(error)[:200]}') from None
    if not isinstance(value, dict):
        raise RequestError(400, 'the body must be an object in JSON')
    return value


def takes_json(model: type[BaseModel]) -> dict[str, Any]:
    """For a route's `openapi_extra`: the body is this model in JSON, which the route reads by itself."""
    schema = model.model_json_schema()
    return {'requestBody': {'required': True, 'content': {'application/json': {'schema': schema}}}}
