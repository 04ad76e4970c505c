"""What an export is asked for, and what can be refused before there is a model."""

import os
from typing import NamedTuple

from mnist_graph.base.errors import UsageError
from mnist_graph.exports.formats import FORMATS
from mnist_graph.exports.formats.format import Format
from mnist_graph.exports.pixels import PIXEL_RANGES, Pixels


class Request(NamedTuple):
    """What is asked for.

    Attributes:
      format: A name in FORMATS.
      output: Path of the file, or of the folder, to be made.
      pixels: How pictures are fed.
      n_views: Views of each picture to average over, 1 to 9.
      quantize: Whether weights are stored in 8 bits.
      licence: That the file names.
    """

    format: str
    output: str | os.PathLike[str]
    pixels: Pixels = Pixels()
    n_views: int = 1
    quantize: bool = False
    licence: str = 'Apache-2.0'

    def check(self) -> Format:
        """The format, if all that can be checked before there is a model is as it should be.

        Raises:
          UsageError: It is not.
        """
        chosen = FORMATS[self.format]
        chosen.check_installed(self.format)
        if self.quantize and not chosen.quantizes:
            names = ', '.join(name for name, each in FORMATS.items() if each.quantizes)
            raise UsageError(f'--quantize: --format={self.format} stores no weights of 8 bits; use --format={names}.')
        if self.n_views > 1 and not chosen.computes:
            raise UsageError(f'--tta={self.n_views}: --format={self.format} holds weights alone; leave --tta out.')
        if self.pixels.dtype != Pixels().dtype and not chosen.computes:
            raise UsageError(
                f'--pixels={self.pixels.dtype}: --format={self.format} holds weights alone, which are for pixels of '
                f'{PIXEL_RANGES[Pixels().dtype]}; leave --pixels out.'
            )
        if os.path.lexists(self.output):
            raise UsageError(f'--output={self.output}: exists already; give another path, or remove it.')
        folder = os.path.dirname(os.path.abspath(self.output))
        if not os.path.isdir(folder):
            raise UsageError(f'--output={self.output}: there is no folder {folder}; make it, or give another path.')
        if not os.access(folder, os.W_OK):
            raise UsageError(f'--output={self.output}: its folder cannot be written; give another path.')
        return chosen
