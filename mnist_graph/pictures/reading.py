"""Reading a page: what may be digits is proposed, a network scores it, and the best way to read it all is kept.

Nothing here runs a network. `read` is a generator that yields what it wants to
have scored, and is sent the scores, so that many pictures can share a batch.
"""

from collections import Counter
from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from mnist_graph.pictures import paths, plain, proposals, rows
from mnist_graph.pictures.decode import CLOSEST_SIDE, WORKING_SIDE, read_pixels
from mnist_graph.pictures.doubts import Digit, label, without_doubtful
from mnist_graph.pictures.mnist_style import mnist_digit, normalize_digit
from mnist_graph.pictures.pixels import as_floats

# A figure that is a digit with this probability is not looked at in parts.
_SETTLED = 0.95
# The digits that are like a mere stroke, or two.
_STROKES = (1, 7)
# What 1 and 7 have together where the network hesitates between them only. Pixels of MNIST: the top of a digit. Of its
# width: what the bar of a 7 has there, and the flag of a 1 has not.
_ONE_OR_SEVEN, _TOP, _BAR_OF_SEVEN = 0.95, 2, 0.6
# Mean probability of a page's digits: less sure ones were read into something else.
_LEAST_MEAN = 0.6
# In place of a row and a run: all of a little ink as one digit.
_ALL = (-1, (0, 0))
# Of the row's height: a figure as high that is no digit is a letter. What digits beside as many letters must be in the mean.
_HIGH, _SURE_OF_LETTER = 0.5, 0.97
# A digit is read, and a reading is clean, from this probability on.
_SURE = 0.9
# Mean probability from which the reading of a sheet of paper is taken for that of the picture.
_LIKELY = 0.75
# Of the ink: what a clean reading leaves out.
_LITTLE_LEFT = 0.08
# Of the ink: what may be left out on a sheet of paper, or where ink is looked for on the unlikelier side of the paper.
_MUCH_LEFT = 0.3
# What a 1 counts for, beside other digits, where ways to see a picture are compared.
_WORTH_OF_ONE = 0.6
# Of the ink that does not come in from outside.
_MUCH_OUTSIDE = 0.15
# Candidates scored for one picture: what is not clean by then will not become so, and nobody waits for seconds.
_MOST_SCORED = 1500

Scores = np.ndarray
Asking = Generator[np.ndarray, Scores, 'Page']


class Page(NamedTuple):
    """What was read in a picture.

    Attributes:
      rows: Digits, left to right, of every row, top to bottom; empty if there is none.
      left_out: Share of the ink, in [0, 1], that was seen and is in no digit.
      size: (width, height) of the picture that the boxes are in.
      explained: How much ink the sure digits hold; greater is better.
      seen: [height, width, 1 or 3], float32 in [0, 1] or uint8: what was looked at, the sheet alone where there is one;
        or None. The boxes of the digits are in pixels of `size`, to which it may be smaller.
    """

    rows: list[list[Digit]]
    left_out: float
    size: tuple[int, int]
    explained: float
    seen: np.ndarray | None = None

    @property
    def images(self) -> np.ndarray:
        """float32 [digits, 28, 28], row after row."""
        images = [digit.image for row in self.rows for digit in row]
        return np.stack(images) if images else np.zeros((0, 28, 28), np.float32)

    @property
    def is_sure(self) -> bool:
        """Whether there are digits, and every one is sure to be one."""
        digits = [digit for row in self.rows for digit in row]
        return bool(digits) and all(_sureness(digit) > _SURE for digit in digits)

    @property
    def is_likely(self) -> bool:
        """Whether the digits are sure in the mean, and most of the ink is in them."""
        digits = [digit for row in self.rows for digit in row]
        return bool(digits) and self.left_out < _MUCH_LEFT and float(np.mean([*map(_sureness, digits)])) > _LIKELY

    @property
    def is_clean(self) -> bool:
        """Whether every digit is sure, and next to no ink is left out."""
        return self.is_sure and self.left_out < _LITTLE_LEFT


def read(source) -> Asking:
    """Reads a picture.

    Args:
      source: As `read_picture` takes it.

    Yields:
      float32 [n, 28, 28] images to be scored; expects float [n, classes] to be
      sent, of which the first ten are the digits and an eleventh is `none`.

    Returns:
      The best Page.

    Raises:
      ImageError: The picture cannot be read.
    """
    pixels = read_pixels(source)
    ready = mnist_digit(pixels)
    if ready is not None:
        scores = (yield ready[None])[0]
        return Page([[Digit(ready, scores, (4, 4, 24, 24), int((ready > 0.5).sum()))]], 0.0, (28, 28), 1.0)
    pixels = proposals.enlarged(pixels)
    drawing = plain.find_drawing(pixels)
    if drawing is not None and (page := (yield from _read_drawing(pixels, drawing))):
        return page
    picture = as_floats(pixels)
    was_reduced = max(picture.shape[:2]) == WORKING_SIDE
    look = yield from _look(picture, None, was_reduced or max(picture.shape[:2]) < CLOSEST_SIDE, _MOST_SCORED)
    page = look.page
    if not look.is_final:
        picture, scale = proposals.closer(source, picture, was_reduced, look.height)
        if scale != 1:
            closer = yield from _look(picture, look.height * scale, False, look.n_left)
            page = closer.page if closer.page.is_clean else max(page, closer.page, key=lambda each: each.explained)
    return page._replace(rows=[[digit.weighed() for digit in row] for row in page.rows])


def _read_drawing(picture: np.ndarray, drawing: plain.Drawing):
    """The Page of a picture of one drawing, or None if that is not surely a digit."""
    image = normalize_digit(drawing.ink)
    scores = (yield image[None])[0]
    digit = Digit(image, scores, drawing.box, drawing.area)
    if scores[:10].max() < _SETTLED or not without_doubtful([[digit]], picture.shape[1::-1]):
        return None
    return Page([[digit]], 0.0, picture.shape[1::-1], 1.0, picture)


class _Look(NamedTuple):
    """What was read in a picture of one size.

    Attributes:
      page: The best way to read it.
      height: Pixels: the typical height of what is written, 0 if there is nothing.
      n_left: How many more candidates may be scored.
      is_final: Whether there is no use in a closer look.
    """

    page: Page
    height: float
    n_left: int
    is_final: bool = False


def _look(picture: np.ndarray, height: float | None, can_be_closer: bool, n_left: int):
    """Reads a picture as it is, in all views of it and all ways to see them.

    Args:
      picture: float32 [height, width, 1 or 3].
      height: Pixels: the typical height of what is written, or None if it is not known.
      can_be_closer: Whether small writing is left to a closer look.
      n_left: How many candidates may be scored.

    Returns:
      A _Look.
    """
    best, found_height = Page([], 0.0, picture.shape[1::-1], -np.inf), 0.0
    for view in proposals.views(picture):
        for proposal in proposals.proposals(view, height):
            found_height = found_height or proposal.height
            if proposal.is_texture and view is picture:
                return _Look(best, found_height, n_left, is_final=True)
            if can_be_closer and proposal.height < proposals.LEAST_HEIGHT:
                break
            if not proposal.atoms:
                continue
            if proposal.is_thick and best.is_likely:
                continue
            if n_left < 0:
                return _Look(best, found_height, n_left, is_final=True)
            scored = yield from _score(proposal)
            n_left -= len(scored)
            page = _settle(proposal, scored, view.shape)._replace(seen=view)
            if proposal.is_second_guess and not (page.is_sure and page.left_out < _MUCH_LEFT):
                continue
            best = max(best, page, key=lambda each: each.explained)
            if page.is_clean:
                return _Look(page, found_height, n_left, is_final=True)
        if view is not picture and best.is_likely:
            break  # what lies around the sheet would only mislead
    return _Look(best, found_height or height or 0.0, n_left)


def _score(proposal: proposals.Proposal):
    """Asks for scores: of whole figures first, then of the parts and neighbours of those that are no sure digit.

    Returns:
      {(row, run): (image, scores)}; the row -1 is for all of a little ink as one digit.
    """
    runs = {(row, run): proposal.atoms[row][slice(*run)] for row, of_row in enumerate(proposal.runs) for run in of_row}
    if proposal.all_atoms:
        runs[_ALL] = proposal.all_atoms
    sizes = Counter((row, atom.group) for row, atoms in enumerate(proposal.atoms) for atom in atoms)
    groups = {
        key: run
        for key, run in runs.items()
        if key != _ALL and run[0].group == run[-1].group and len(run) == sizes[key[0], run[0].group]
    }
    scored = yield from _ask(proposal, groups)
    sure, firm = set(), set()
    for (row, run), (_, scores) in scored.items():
        group = row, groups[row, run][0].group
        if scores[:10].max() > _SETTLED:
            sure.add(group)
            if int(scores[:10].argmax()) not in _STROKES:
                firm.add(group)

    def is_open(key, run) -> bool:
        """Whether a run may be more than the figures in it are by themselves."""
        of_run = {(key[0], atom.group) for atom in run}
        return key == _ALL or not of_run <= sure and not of_run & firm

    if len(sure) == len(sizes) and len(sizes) > 1 and _ALL in runs or len(sure) < len(sizes):
        rest = {key: run for key, run in runs.items() if key not in groups and is_open(key, run)}
        scored |= yield from _ask(proposal, rest)
    return scored


def _ask(proposal: proposals.Proposal, runs: dict):
    """{key: (image, scores)} of runs of atoms, less those with too little ink."""
    images = {key: image for key, run in runs.items() if (image := proposal.image(run)) is not None}
    if not images:
        return {}
    scores = yield np.stack(list(images.values()))
    return {key: (image, _one_or_seven(image, of)) for (key, image), of in zip(images.items(), scores)}


def _one_or_seven(image: np.ndarray, scores: Scores) -> Scores:
    """Scores in which 1 and 7 change places where the network takes for a 7, hesitating, what has no bar along its top.

    The flag of a printed 1 comes down from the stem.
    """
    if scores[1] + scores[7] < _ONE_OR_SEVEN or scores[7] > _SETTLED or scores[1] > scores[7]:
        return scores
    ink = image > 0.5
    first = np.flatnonzero(ink.any(axis=1))[0]
    top, whole = (np.ptp(np.flatnonzero(part.any(axis=0))) + 1 for part in (ink[first : first + _TOP], ink))
    if top < _BAR_OF_SEVEN * whole:
        scores = scores.copy()
        scores[[1, 7]] = scores[[7, 1]]
    return scores


def _settle(proposal: proposals.Proposal, scored: dict, shape) -> Page:
    """The best way to read what was proposed."""
    found = []
    for number, atoms in enumerate(proposal.atoms):
        of_row = {run: image_and_scores for (row, run), image_and_scores in scored.items() if row == number}
        if digits := _digits_of_row(atoms, of_row):
            found.append(digits)
    if _ALL in scored and found:
        found = _one_or_several(found, proposal.all_atoms, *scored[_ALL])
    explained = sum(_worth(digit) for row in found for digit in row)
    found = without_doubtful(found, proposal.mask.shape[1::-1])
    total = max(1, proposal.total)
    read_area = sum(digit.area for row in found for digit in row)
    # What came in from outside may have taken digits along.
    looked_at = float(sum(atom.area for atoms in proposal.atoms for atom in atoms))
    looked_at += max(0, proposal.outside - _MUCH_OUTSIDE * total)
    if found and np.mean([_sureness(digit) for row in found for digit in row]) < _LEAST_MEAN:
        found = []
    value = proposal.ink.contrast * (explained - 0.3 * (total - explained)) / (shape[0] * shape[1])
    return Page(found, 1 - read_area / max(looked_at, 1.0), shape[1::-1], value)


def _digits_of_row(atoms: list[rows.Atom], scored: dict[paths.Run, tuple[np.ndarray, Scores]]) -> list[Digit]:
    """The digits of a row, left to right; none if it is of letters.

    Args:
      atoms: Of the row.
      scored: (image, scores) of each run of them that was scored.
    """
    whole = Counter(atom.group for atom in atoms)
    candidates: list[tuple[Digit, set[int], bool]] = []  # the figures each is of, and whether it is only a piece of one
    broken: set[int] = set()  # figures of which a piece is no digit
    for step in paths.best_path(atoms, {run: scores for run, (_, scores) in scored.items()}):
        run = atoms[slice(*step.run)]
        groups = {atom.group for atom in run}
        if step.is_digit:
            digit = Digit(*scored[step.run], rows.box(run), sum(atom.area for atom in run), step.share)
            candidates.append((digit, groups, len(run) < whole[min(groups)]))
        else:
            broken |= {group for group in groups if len(run) < whole[group]}
    # A piece of a figure whose rest is no digit is none either, however like a 1 it is; and a figure whose pieces
    # are all mere strokes, which read as 1 and 7, is a letter.
    made_of_more = {group for digit, groups, _ in candidates if label(digit) not in _STROKES for group in groups}
    kept = [
        (digit, groups)
        for digit, groups, is_piece in candidates
        if not (groups & broken and _is_doubtful(digit))
        and not (is_piece and label(digit) in _STROKES and not groups & made_of_more)
    ]
    digits = [digit for digit, _ in kept]
    return [] if digits and _is_word(atoms, digits, {group for _, groups in kept for group in groups}) else digits


def _is_word(atoms: list[rows.Atom], digits: list[Digit], groups: set[int]) -> bool:
    """Whether a row is of letters: there are more high figures without a digit than with one, or as many and unsure ones.

    Args:
      atoms: Of the row.
      digits: What was read in it.
      groups: Numbers of the figures that hold these.
    """
    high = max(atom.bottom - atom.top for atom in atoms)
    letters = {atom.group for atom in atoms if atom.bottom - atom.top > _HIGH * high} - groups
    mean = np.mean([digit.scores[:10].max() for digit in digits])
    return len(letters) > len(groups) or len(letters) == len(groups) and mean < _SURE_OF_LETTER


def _is_doubtful(digit: Digit) -> bool:
    return label(digit) == 1 or float(digit.scores[:10].max()) < _SURE


def _worth(digit: Digit) -> float:
    """What a digit counts for where ways to see a picture are compared: its ink, if it is sure."""
    return digit.area * max(0.0, 2 * _sureness(digit) - 1) * (_WORTH_OF_ONE if label(digit) == 1 else 1)


def _sureness(digit: Digit) -> float:
    """How surely a digit stands there, even if it may be a 1 or a 7."""
    return float(max(digit.scores[:10].max(), digit.scores[1] + digit.scores[7]))


def _one_or_several(found: list[list[Digit]], atoms: list[rows.Atom], image, scores) -> list[list[Digit]]:
    """All of the ink as one digit, where that is likelier than the digits that were found."""
    digits = [digit for row in found for digit in row]
    ink = sum(digit.area for digit in digits)
    by_parts = sum(digit.area * np.log(max(digit.scores[:10].max(), 1e-6)) for digit in digits) / ink
    area = sum(atom.area for atom in atoms)
    by_parts += paths.JOIN_PENALTY * (len(digits) - 1) + np.log(ink / area)
    are_settled = all(digit.scores[:10].max() > _SETTLED for digit in digits)
    if are_settled or np.log(max(scores[:10].max(), 1e-6)) <= by_parts:
        return found
    return [[Digit(image, scores, rows.box(atoms), area)]]
