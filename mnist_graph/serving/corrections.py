"""Pictures that somebody has given their right label, saved as a data set to train on."""

import io
import os
import secrets
import shlex
import time
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mnist_graph.base import files
from mnist_graph.base.errors import UsageError

_PART = 'train'


class Corrections:
    """The folder of --corrections_dir.

    Args:
      folder: Made if it is missing.

    Raises:
      UsageError: It cannot be made, or nothing can be written into it.
    """

    def __init__(self, folder: str):
        self._folder = folder
        try:
            os.makedirs(folder, exist_ok=True)
            os.listdir(folder)
            probe = os.path.join(folder, f'.{secrets.token_hex(4)}')
            with open(probe, 'xb'):
                pass
            os.unlink(probe)
        except OSError as error:
            raise UsageError(
                f'--corrections_dir={folder}: cannot be read and written ({error.strerror}); give another folder.'
            ) from None

    def save(self, image: np.ndarray, label: str, class_names: Sequence[str]) -> str:
        """Saves one picture; returns its path below the folder.

        Args:
          image: uint8 [height, width, 1 or 3].
          label: One of class_names. It alone, and nothing else of a request, is part of the path.
          class_names: Of the model.

        Raises:
          ValueError: The label is none of them, or no folder can be called so.
          OSError: The file cannot be written.
        """
        if label not in class_names or label in ('', os.curdir, os.pardir) or {'/', '\\', '\0'} & set(label):
            raise ValueError(f'the label must be one of {", ".join(class_names)}')
        name = os.path.join(_PART, label, f'{time.strftime("%Y%m%d-%H%M%S")}-{secrets.token_hex(4)}.png')
        content = io.BytesIO()
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(content, 'PNG')
        path = os.path.join(self._folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        files.write_atomically(path, content.getvalue())
        return name

    def count(self) -> int:
        """How many pictures there are."""
        return sum(
            name.endswith('.png') for _, _, names in os.walk(os.path.join(self._folder, _PART)) for name in names
        )

    def command(self) -> str:
        """What to type to train on them; the folder of classes is named, of which a part is held out for testing."""
        return shlex.join(
            ['python', '-m', 'mnist_graph.main', f'--data_dir={os.path.join(self._folder, _PART)}', '--n_epochs=20']
        )
