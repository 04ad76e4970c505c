"""Pictures that somebody has given their right label, saved as a data set to train on."""

import io
import os
import secrets
import shlex
import shutil
import threading
import time
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mnist_graph import drawn
from mnist_graph.base import files
from mnist_graph.base.errors import UsageError

_PART, _TEST = 'train', 'test'
# What the folder to test with is called until it is complete; hidden, so that no training reads it.
_UNFINISHED = '.test'
# Drawn digits of each class in each part: a training on corrections alone would forget all other digits.
_N_DRAWN = 20
_DRAWN = 'drawn-'
# With these, the shipped reader learned six misread digits of MNIST's test set, and read as many of the others as before.
_FLAGS = (
    '--pictures=raw',
    '--dropout=0',
    '--n_validation=0',
    '--batch_size=64',
    '--learning_rate=1e-4',
    '--n_iterations=200',
)


class Corrections:
    """The folder of --corrections_dir.

    Args:
      folder: Made if it is missing.

    Raises:
      UsageError: It cannot be made, or nothing can be written into it.
    """

    def __init__(self, folder: str):
        self._folder, self._lock = folder, threading.Lock()
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

    def save(self, image: np.ndarray, label: str, class_names: Sequence[str], reads_digits: bool) -> str:
        """Saves one picture; returns its path below the folder.

        Before the first one, digits that the package draws are saved as well, for models of digits: some of each class
        to train on, and others to test with.

        Args:
          image: uint8 [height, width, 1 or 3].
          label: One of class_names. It alone, and nothing else of a request, is part of the path.
          class_names: Of the model.
          reads_digits: Whether its pictures are like MNIST's.

        Raises:
          ValueError: The label is none of them, or no folder can be called so.
          OSError: The file cannot be written.
        """
        if label not in class_names or label in ('', os.curdir, os.pardir) or {'/', '\\', '\0'} & set(label):
            raise ValueError(f'the label must be one of {", ".join(class_names)}')
        name = os.path.join(_PART, label, f'{time.strftime("%Y%m%d-%H%M%S")}-{secrets.token_hex(4)}.png')
        with self._lock:
            if reads_digits and not os.path.isdir(os.path.join(self._folder, _TEST)):
                self._save_drawn(class_names)
        content = io.BytesIO()
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(content, 'PNG')
        path = os.path.join(self._folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        files.write_atomically(path, content.getvalue())
        return name

    def _save_drawn(self, class_names: Sequence[str]) -> None:
        """Saves drawn digits; as long as one is missing, there is no folder of those to test with."""
        unfinished = os.path.join(self._folder, _UNFINISHED)
        shutil.rmtree(unfinished, ignore_errors=True)
        for seed, part in enumerate((_PART, _UNFINISHED)):
            for number, (image, label) in enumerate(zip(*drawn.draw_digits(10 * _N_DRAWN, seed, n_threads=1))):
                if str(label) in class_names:
                    folder = os.path.join(self._folder, part, str(label))
                    os.makedirs(folder, exist_ok=True)
                    Image.fromarray(image).save(os.path.join(folder, f'{_DRAWN}{number:03}.png'))
        if os.path.isdir(unfinished):
            os.rename(unfinished, os.path.join(self._folder, _TEST))

    def count(self) -> int:
        """How many corrections there are."""
        return sum(
            name.endswith('.png') and not name.startswith(_DRAWN)
            for _, _, names in os.walk(os.path.join(self._folder, _PART))
            for name in names
        )

    def command(self, model: str) -> str:
        """What to type to go on training a model with them.

        Without drawn digits to test with, the folder of classes is named, of which a part is held out for testing.

        Args:
          model: Its folder, or the name of the shipped reader.
        """
        has_test = os.path.isdir(os.path.join(self._folder, _TEST))
        data_dir = self._folder if has_test else os.path.join(self._folder, _PART)
        program = ['python', '-m', 'mnist_graph.main']
        return shlex.join([*program, f'--init_checkpoint={model}', f'--data_dir={data_dir}', *_FLAGS])
