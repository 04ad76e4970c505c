"""Files that matplotlib draws: checked before the work, styled for slides, written whole or not at all.

matplotlib is an optional extra; nothing here imports it before it is needed.
"""

import importlib.util
import io
import os
import warnings

import numpy as np

from mnist_graph.base import cache, extras
from mnist_graph.base.errors import UsageError
from mnist_graph.plots import picture_file

_ENDINGS = ('.png', '.pdf', '.svg', '.jpg', '.jpeg', '.webp')
# Okabe and Ito's, which the colour-blind can tell apart, and a grey.
BLUE, SKY, ORANGE, VERMILION, GREY = '#0072B2', '#56B4E9', '#E69F00', '#D55E00', '#595959'
_STYLE = {
    'font.size': 14,
    'axes.titlesize': 16,
    'figure.titlesize': 16,
    'savefig.dpi': 120,
    'figure.constrained_layout.use': True,
    'figure.constrained_layout.w_pad': 0.1,
    'figure.constrained_layout.h_pad': 0.1,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.edgecolor': GREY,
    'xtick.color': GREY,
    'ytick.color': GREY,
    'xtick.labelcolor': 'black',
    'ytick.labelcolor': 'black',
}


def check_can_write(path: str) -> None:
    """Checks what can be checked before the work is done.

    Raises:
      UsageError: matplotlib is missing, the folder is, or the ending is of no picture.
    """
    _check_matplotlib()
    picture_file.check(path, _ENDINGS)


def check_can_write_into(folder: str) -> None:
    """As `check_can_write`, for several pictures in a folder, which is not made yet."""
    _check_matplotlib()
    picture_file.check_folder(folder)


def _check_matplotlib() -> None:
    if importlib.util.find_spec('matplotlib') is None:
        raise UsageError(f'Plots need matplotlib; install it with {extras.install_command("plots")}.')


class Drawing:
    """A matplotlib Figure that is written to a file at the end; used as a context manager."""

    def __init__(self, path: str, width: float, height: float):
        self._path, self._size = path, (width, height)

    def __enter__(self):
        cache.set_matplotlib_folder()
        import matplotlib
        from matplotlib.figure import Figure

        self._context = matplotlib.rc_context()
        self._context.__enter__()
        matplotlib.rcdefaults()  # whatever the user's own style is
        matplotlib.rcParams.update(_STYLE)
        self._figure = Figure(figsize=self._size)
        return self._figure

    def __exit__(self, kind, error, traceback):
        try:
            if kind is None:
                self._write()
        finally:
            self._context.__exit__(kind, error, traceback)

    def _write(self):
        content = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', 'Glyph .* missing from')  # a class's name; it shows as a box
            self._figure.savefig(content, format=os.path.splitext(self._path)[1][1:].lower(), facecolor='white')
        picture_file.write(self._path, content.getvalue())


def show_picture(axes, picture: np.ndarray, **options) -> None:
    """Draws [height, width, channels] in [0, 1], or uint8, without ticks: in colour if there are three, else their mean."""
    full = 255 if picture.dtype == np.uint8 else 1
    axes.imshow(picture if picture.shape[2] == 3 else picture.mean(axis=2), cmap='gray', vmin=0, vmax=full, **options)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
