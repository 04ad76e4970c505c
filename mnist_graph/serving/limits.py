"""How much one request, and all of them together, may take, and the error that says so."""

# The largest body of a request: a phone's photo has up to 12 MB.
MAX_BODY_BYTES = 20_000_000
# Seconds in which a client must send the next piece of a body, and all of it.
PIECE_SECONDS, BODY_SECONDS = 10.0, 60.0
# Requests that are worked on or wait; further ones are answered 503 at once. With the largest network that the recipes
# know and two cores, the last of so many waits for a few seconds.
MOST_REQUESTS = 256
# Bytes of all bodies that are in memory at a time.
MOST_BYTES = 400_000_000
# Seconds after which a client that was refused for want of room should try again.
RETRY_AFTER_SECONDS = 1
# Seconds that reading one picture may take in a worker, the network's time included.
PICTURE_SECONDS = 15.0
# Bytes that a worker may take beyond what it has after its start: `decode.MAX_BYTES`, and what comes after it.
WORKER_BYTES = 1_500_000_000
# Instances of one prediction, and pictures to be decoded among them.
MOST_INSTANCES, MOST_PICTURES = 2048, 64


class RequestError(Exception):
    """A request that cannot be answered as it is.

    Attributes:
      status: HTTP's code.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
