"""Telling ink from paper: how much of each pixel is covered by ink.

A pixel is taken for a mixture (1 - a) paper + a ink, as in image matting; a is
the ink's coverage. The paper's colour may drift over the picture (uneven light,
gradients), so it is a smooth surface, fitted robustly so that ink does not pull
it. The ink's colour is that of the pixels farthest from the paper. Ink may be
darker or lighter than the paper, or differ from it in colour alone.

Colours are looked at on a grid of samples only, which yields the one axis in
colour space along which ink and paper differ; all pixels are then measured
along this axis.
"""

import functools

import numpy as np

from mnist_graph.base.conventions import LUMA_WEIGHTS
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures.paper import FAINTEST_INK, SAMPLE_GRID, find_paper, is_border_inked, local_paper
from mnist_graph.pictures.sheet import inside_frame
from mnist_graph.pictures.smoothing import coarse_grid, denoise, squared_lengths, surface, typical_top

BLANK = (
    'the picture is blank, or its ink too faint or too small; draw the digit '
    'with more contrast, or cut the picture closer to it.'
)

# Coverage from which a pixel counts as ink. 0.5 would be the edge of a sharp stroke. Higher, strokes that fade or are
# thinner than a pixel fall to pieces; lower, blur joins neighbours.
INK_THRESHOLD = 0.4
# Coverage below which a pixel is paper, give or take light and noise. Higher, pale ink is levelled away with the light;
# lower, noise and shadows are not.
_PAPER_COVERAGE = 0.25

# Columns are luma, blue less luma and red less luma (ITU-R BT.601), the latter two scaled to [-0.5, 0.5] and then by
# their weight. A pen is chosen to be lighter or darker than the paper, so lightness counts in full, and colour less:
# with a weight of 0, ink as light as its paper is lost; with 1, a coloured background passes for ink.
_CHROMA_WEIGHT = 0.5
_RED, _GREEN, _BLUE = LUMA_WEIGHTS
LUMA_AND_CHROMA = np.array(
    [
        [_RED, -0.1687 * _CHROMA_WEIGHT, 0.5 * _CHROMA_WEIGHT],
        [_GREEN, -0.3313 * _CHROMA_WEIGHT, -0.4187 * _CHROMA_WEIGHT],
        [_BLUE, 0.5 * _CHROMA_WEIGHT, -0.0813 * _CHROMA_WEIGHT],
    ],
    np.float32,
)

# Pixels: from this shorter side on, every other pixel of every other row shows as much as all of them do. In smaller
# pictures too few pixels of thin strokes would be left. `_unmix` averages fewer pixels, and needs a larger picture.
_HALVED_SIDE, _HALVED_SIDE_OF_UNMIX = 96, 112

# A second, weaker ink.
# Coverage of full ink, and between which the weaker ink lies; soft edges lie there, too.
_FULL_COVERAGE, _WEAKER_COVERAGE = 0.8, (_PAPER_COVERAGE, 0.75)
# Pixels of middling coverage for each full one: with fewer there is no second ink, with more it is the digit's own.
_FEWEST_WEAKER, _MOST_WEAKER = 0.5, 5
# The histogram of middling coverage: bins in 1, and how many neighbouring ones (0.1 in all) a single ink fills.
_BINS_IN_1, _BINS_OF_AN_INK = 40, 4
# Fraction of the middling pixels in these bins; soft edges have 0.2, spread over all, and two inks mix where they cross.
_SPIKE = 0.6
# Least extent of full ink, in extents of all ink: less is where strokes cross or are pressed harder.
_FULL_EXTENT = 0.3

# Squared distance from the paper, and distance in `_unmix`, of pixels that show the ink's colour, as fractions of the
# farthest: less takes in soft edges, more leaves noise alone. (0.36 is 0.6 squared.)
_INK_COLOUR_SQUARED, _INK_COLOUR = 0.36, 0.6
# The peak must exceed so many deviations of the noise: of 1,000 pixels of bare paper, one exceeds three.
_PEAK_DEVIATIONS = 4
# Of the peak's distance: where paper comes nearer to the ink's shade than this, coverage is held down.
_NEAR_INK = 0.15

# The least paper, in cells' averages, that drift is measured on; and the least that ink is above drifting paper.
_LEAST_PAPER, _LEAST_CONTRAST = 0.01, 0.5


def extract_ink(picture: np.ndarray) -> np.ndarray:
    """Returns the ink's coverage of each pixel of a picture.

    Args:
      picture: float32 [height, width, 1 or 3] in [0, 1].

    Returns:
      float32 [height, width] in [0, 1], 0 on paper, 1 on full ink.

    Raises:
      ImageError: the page is blank.
    """
    whole, inside = picture.shape[:2], inside_frame(picture)
    picture = picture[inside]
    samples = picture
    if max(picture.shape) > SAMPLE_GRID:
        samples = picture[_sample_positions(picture.shape[0])[:, None], _sample_positions(picture.shape[1])]
    has_colour = picture.shape[2] == 3
    if has_colour:
        samples = samples @ LUMA_AND_CHROMA
    terms, is_even = find_paper(samples)
    if has_colour:
        axis = _ink_axis(samples - surface(terms, *samples.shape[:2]))
        shade = picture @ (LUMA_AND_CHROMA @ axis)
        terms = terms @ axis[:, None]
    else:
        shade = picture[:, :, 0]
    shade, noise = denoise(shade)
    paper = surface(terms[:1] if is_even else terms, *shade.shape)[:, :, 0]
    difference = shade - paper
    if not is_even and is_border_inked(difference, noise):
        if has_colour:
            # The axis was found with the wrong paper; lightness is a safe one.
            shade, noise = denoise(picture @ LUMA_AND_CHROMA[:, 0])
        paper = local_paper(shade)
        difference = shade - paper
    coverage = _unmix(difference, paper, noise)
    if not is_even:
        coverage = _level(coverage)
    np.minimum(np.maximum(coverage, 0, out=coverage), 1, out=coverage)
    coverage = _drop_weaker_ink(coverage)
    if coverage.shape == whole:
        return coverage
    ink = np.zeros(whole, np.float32)
    ink[inside] = coverage
    return ink


def _drop_weaker_ink(coverage: np.ndarray) -> np.ndarray:
    """Takes away a second ink that is much weaker than the digit's.

    It shows as many pixels of one middling coverage, where the soft edges of
    strokes have every coverage alike. The full ink must make up a figure of its
    own: else it is only where strokes cross, or are pressed harder.

    Args:
      coverage: float32 [h, w] in [0, 1].
    """
    step = 2 if min(coverage.shape) >= _HALVED_SIDE else 1
    some = coverage[::step, ::step]
    low, high = _WEAKER_COVERAGE
    full, inked = some > _FULL_COVERAGE, some > low
    n_full, n_middling = np.count_nonzero(full), np.count_nonzero(inked) - np.count_nonzero(some >= high)
    if not _FEWEST_WEAKER * n_full < n_middling < _MOST_WEAKER * n_full:
        return coverage
    middling = some[inked & (some < high)]
    counts = np.bincount(((middling - low) * _BINS_IN_1).astype(np.intp), minlength=round((high - low) * _BINS_IN_1))
    in_windows = np.convolve(counts, np.ones(_BINS_OF_AN_INK, counts.dtype), 'valid')
    spike = int(in_windows.argmax())
    if in_windows[spike] < _SPIKE * n_middling:
        return coverage
    extents = [max(np.ptp(np.flatnonzero(mask.any(axis=axis))) for axis in (0, 1)) for mask in (full, inked)]
    if extents[0] < _FULL_EXTENT * extents[1]:
        return coverage
    top = low + 1 / _BINS_IN_1 * (spike + _BINS_OF_AN_INK)
    return np.maximum(0, (coverage - top) / (1 - top))


@functools.lru_cache(maxsize=64)
def _sample_positions(side: int) -> np.ndarray:
    """int64 [samples]: the rows (or columns) of `side` that are looked at first."""
    return np.linspace(0, side - 1, min(side, SAMPLE_GRID)).round().astype(int)


def _ink_axis(difference: np.ndarray) -> np.ndarray:
    """The unit vector, float32 [c], on which most of the contrast lies.

    Args:
      difference: float32 [rows, columns, c], samples less paper.
    """
    difference = difference.reshape(-1, difference.shape[2])
    square = squared_lengths(difference)
    seeds = difference[square > _INK_COLOUR_SQUARED * typical_top(square)]
    return np.linalg.eigh(seeds.T @ seeds)[1][:, -1]


def _unmix(difference: np.ndarray, paper: np.ndarray, noise: float) -> np.ndarray:
    """The ink's coverage of each pixel, not yet clipped to [0, 1].

    Args:
      difference: float32 [h, w], shade less paper.
      paper: float32 [h, w] or [1, 1].
      noise: standard deviation of the noise in `difference`.

    Raises:
      ImageError: nothing differs enough from the paper.
    """
    step = 2 if min(difference.shape) >= _HALVED_SIDE_OF_UNMIX else 1
    some = difference[::step, ::step]
    size = np.abs(some).ravel()
    peak = typical_top(size)
    if peak < max(FAINTEST_INK, _PEAK_DEVIATIONS * noise):
        raise ImageError(BLANK)
    chosen = size > _INK_COLOUR * peak
    seeds = some.ravel()[chosen]
    # Ink is on one side of the paper's shade only, lighter or darker: on the heavier side.
    sign = 1 if float((seeds * seeds) @ seeds) > 0 else -1
    signed = sign * seeds
    inked = signed > _INK_COLOUR * float(signed.max())
    if paper.size == 1:
        return difference / (seeds[inked].sum() / np.float32(np.count_nonzero(inked)))  # faster than `mean`
    ink = float((seeds + paper[::step, ::step].ravel()[chosen])[inked].mean())
    full = ink - paper
    coverage = difference * full
    full *= full
    full += (_NEAR_INK * peak) ** 2
    return np.divide(coverage, full, out=coverage)


def _level(coverage: np.ndarray) -> np.ndarray:
    """Takes the paper's remaining unevenness off the ink's coverage.

    The mean coverage around each pixel, over what is surely paper, becomes zero.
    """
    height, width = coverage.shape
    step = 2 if min(height, width) >= _HALVED_SIDE else 1
    some = coverage[::step, ::step]
    paper = (some < _PAPER_COVERAGE).astype(np.float32)
    gather_y, spread_y = coarse_grid(some.shape[0], height)
    gather_x, spread_x = coarse_grid(some.shape[1], width)
    amount = gather_y @ paper @ gather_x.T
    total = gather_y @ (paper * np.maximum(some, -_PAPER_COVERAGE)) @ gather_x.T
    drift = total / np.maximum(amount, _LEAST_PAPER)
    drift = spread_y @ drift @ spread_x.T
    coverage = coverage - drift
    return np.divide(coverage, np.maximum(1 - drift, _LEAST_CONTRAST), out=coverage)
