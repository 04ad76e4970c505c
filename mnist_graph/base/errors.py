"""The errors that a user can cause and mend.

Every message is one line that says what is wrong, where, and what to do
instead. The entry points print it and exit with the class's `exit_code`;
anything that is not one of these is a defect and keeps its traceback.
"""


class MnistGraphError(Exception):
    """Base of all errors whose message is meant for the user."""

    exit_code = 1


class UsageError(MnistGraphError):
    """A flag or argument that cannot be used as given."""

    exit_code = 2


class DataError(MnistGraphError):
    """A data set that is missing, damaged or not what it claims to be."""


class ImageError(MnistGraphError):
    """A picture file that cannot be read as a digit."""


class CheckpointError(MnistGraphError):
    """A model folder or checkpoint that cannot be written, read or trusted."""


class WorkerError(MnistGraphError):
    """A worker of a training on several machines that is missing; `address` is its own."""

    def __init__(self, message: str, address: str):
        super().__init__(message)
        self.address = address


class DivergedError(MnistGraphError):
    """Training reached a loss that is not a finite number."""


class ExportError(MnistGraphError):
    """A model that could not be written in another format, or that reads otherwise there."""
