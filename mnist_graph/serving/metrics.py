"""What Prometheus is told: requests by their answers, how long they took, and how large the batches were."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_PICTURES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The figures of one server, in a registry of their own.

    Attributes:
      in_flight: Requests that are worked on or wait.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            'mnist_graph_requests', 'Requests that were answered.', ['route', 'status'], registry=self._registry
        )
        self._seconds = Histogram(
            'mnist_graph_request_seconds',
            'From the request to its answer.',
            ['route'],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._pictures = Histogram(
            'mnist_graph_batch_pictures', 'Pictures in one Session.run.', buckets=_PICTURES, registry=self._registry
        )
        self.in_flight = Gauge(
            'mnist_graph_requests_in_flight', 'Requests that are worked on or wait.', registry=self._registry
        )

    def on_answer(self, route: str, status: int, seconds: float) -> None:
        """Counts an answer."""
        self._requests.labels(route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def on_batch(self, n: int) -> None:
        """Counts a run with n pictures."""
        self._pictures.observe(n)

    def text(self) -> tuple[bytes, str]:
        """All figures in Prometheus's format, and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
