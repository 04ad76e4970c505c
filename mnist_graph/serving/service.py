"""What the server can do, whatever the form of the request: score, look inside, and read pictures."""

import asyncio
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.models import readings
from mnist_graph.models.inside import Unit
from mnist_graph.pictures.reading import Page
from mnist_graph.serving.batching import Batcher
from mnist_graph.serving.catalogue import Catalogue, ServedModel, Version
from mnist_graph.serving.limits import RequestError
from mnist_graph.serving.metrics import Metrics
from mnist_graph.serving.workers import Job, Workers

# Pictures whose network is done sooner than a thread would have woken up; meanwhile no other request is looked at.
_FEW = 4


class Found(NamedTuple):
    """What was read in a picture.

    Attributes:
      reading: The `readings.Reading`, whose path is ''.
      images: float32 [digits, height, width, channels]: what the network saw.
      boxes: (left, top, right, bottom) of each digit, half open; [] where digits were not looked for.
      size: (width, height) of the picture that the boxes are in; it may be a reduced one, or only the sheet of paper
        in it. (0, 0) without boxes.
      row_lengths: Digits in each row, top to bottom.
      seen: uint8 [height, width, 1 or 3]: the picture of that size, perhaps reduced; None if not asked for.
    """

    reading: readings.Reading
    images: np.ndarray
    boxes: list[tuple[int, int, int, int]]
    size: tuple[int, int]
    row_lengths: list[int]
    seen: np.ndarray | None = None


class Service:
    """Models, workers and the queue before them.

    Args:
      catalogue: The models.
      workers: The processes that decode pictures.
      metrics: Is told how large batches are.

    Attributes:
      n_predicting: Predictions that were asked for and are not answered yet. Those who read pictures are not waited
        for: they take longer to come.
    """

    def __init__(self, catalogue: Catalogue, workers: Workers, metrics: Metrics):
        self.catalogue, self._workers = catalogue, workers
        self.n_predicting = 0
        self._batcher = Batcher(lambda: self.n_predicting, metrics.on_batch)

    async def version(self, name: str | None, number: int | None) -> tuple[ServedModel, Version]:
        """A model and one of its versions; None is the first and the newest. It may have to be loaded."""
        model = self.catalogue.model(name)
        return model, await self._loaded(model, number)

    async def scores(self, version: Version, X: np.ndarray) -> np.ndarray:
        """float64 [n, classes] probabilities of float32 [n, features]."""
        if len(X) <= _FEW:
            await asyncio.sleep(0)  # now other requests that came at the same moment are known, too
            if (found := self._batcher.run_alone(version.scores, X)) is not None:
                return found
        return await asyncio.wrap_future(self._batcher.submit(version.scores, X))

    async def insides(self, version: Version, X: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Probabilities and every layer's output of one picture, float32 [1, features]."""
        return await asyncio.get_running_loop().run_in_executor(None, version.insides, X)

    async def unit(self, model: ServedModel, version: Version, X: np.ndarray, layer: int, position: Any) -> Unit:
        """What there is to say of a unit; see `Inside.unit`."""
        return await asyncio.get_running_loop().run_in_executor(
            None, model.inside.unit, version.sess, X, layer, tuple(position)
        )

    async def picture(self, model: ServedModel, content: bytes) -> np.ndarray:
        """A picture file as one picture that a model takes, float32 [features]."""
        kind = 'one' if model.description.reads_digits else 'plain'
        return (await self._workers.read(Job(content, kind, model.shape))).ravel()

    async def read(self, model: ServedModel, version: Version, content: bytes, keeps_seen: bool = False) -> Found:
        """Reads a picture file, as `predict` does."""
        if not content:
            raise RequestError(400, 'the body is empty; send a picture file')
        if model.finder is None:
            image = await self.picture(model, content)
            return self._found(model, await self.scores(version, image[None]), image[None])
        finds = version if model.finder is model else await self._loaded(model.finder)

        async def score(images: np.ndarray) -> np.ndarray:
            return await self.scores(finds, images.reshape(len(images), -1))

        page = await self._workers.read(Job(content, 'page', model.shape, keeps_seen), score)
        images = page.images
        if model.finder is model:
            scores = np.array([digit.scores for row in page.rows for digit in row])
        elif len(images):
            scores = await self.scores(version, images.reshape(len(images), -1))
        else:
            scores = images
        return self._found(model, scores, images, page)

    async def _loaded(self, model: ServedModel, number: int | None = None) -> Version:
        if version := model.loaded(number):
            return version
        return await asyncio.get_running_loop().run_in_executor(None, model.version, number)

    @staticmethod
    def _found(model: ServedModel, scores: np.ndarray, images: np.ndarray, page: Page | None = None) -> Found:
        names = model.description.class_names
        lengths = [len(row) for row in page.rows] if page else [len(images)]
        scores = scores.reshape(-1, len(names))
        reading = readings.reading_of('', scores, names, lengths if page else (), page.left_out if page else 0.0)
        boxes = [digit.box for row in page.rows for digit in row] if page else []
        size, seen = (page.size, page.seen) if page else ((0, 0), None)
        return Found(reading, images.reshape(-1, *model.shape), boxes, size, lengths, seen)

    def close(self) -> None:
        """Ends the workers and the queue."""
        self._workers.close()
        self._batcher.close()
