"""What a format of exported models is, and what its module is given."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base import extras
from mnist_graph.base.errors import UsageError

# A function of pictures as the exported file takes them that returns probabilities, float32 [n, classes].
Reader = Callable[[np.ndarray], np.ndarray]
# A file of a protocol buffer, or of a flat buffer, has at most 2 GiB; some of that is for all but the weights.
MOST_BYTES = 2_000_000_000


class Exported(NamedTuple):
    """What is to be written.

    Attributes:
      inference: The `inference_graph.InferenceGraph`.
      members: The models in it, with arrays as their weights.
      pixels: Its `pixels.Pixels`.
      description: What `description.make` says of it, which the file carries.
      quantize: Whether weights are to be stored in 8 bits.
    """

    inference: Any
    members: Sequence[Any]
    pixels: Any
    description: dict[str, Any]
    quantize: bool = False

    @property
    def n_bytes(self) -> int:
        """Of all weights and biases, in float32."""
        return sum(
            array.nbytes for model in self.members for array in (*model.weights.values(), *model.biases.values())
        )


class Format(NamedTuple):
    """One format of exported models.

    Attributes:
      help: What it is, in a few words.
      ending: Of the file's name; '' for a folder.
      write: Function (exported, path) that writes it.
      open: Function (path, exported) that loads it in the program it is for, and returns a Reader.
      modules: Python packages that this needs beside TensorFlow.
      extra: Which of this package's extras installs them; '' if none are needed.
      has_texts: Whether its graph holds class names, and reads picture files.
      is_limited: Whether its file can have no more than MOST_BYTES.
      quantizes: Whether it can store weights in 8 bits.
      computes: Whether it holds the computation, and not only the weights.
    """

    help: str
    ending: str
    write: Callable[[Exported, str], None]
    open: Callable[[str, Exported], Reader]
    modules: tuple[str, ...] = ()
    extra: str = ''
    has_texts: bool = False
    is_limited: bool = True
    quantizes: bool = False
    computes: bool = True

    def check_installed(self, name: str) -> None:
        """Raises UsageError if a package is missing that the format `name` needs."""
        for module in self.modules:
            if importlib.util.find_spec(module) is None:
                raise UsageError(
                    f'--format={name}: needs the package {module}; install it with {extras.install_command(self.extra)}.'
                )
