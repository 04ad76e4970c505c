"""Reading a page: what may be digits is proposed, a network scores it, and the best way to read it all is kept.

Nothing here runs a network. `read` is a generator that yields what it wants to
have scored, and is sent the scores, so that many pictures can share a batch.
"""

import contextlib
from collections.abc import Generator
from typing import NamedTuple

import cv2
import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import pieces as pieces_of
from mnist_graph.pictures import planes, rows, sheet
from mnist_graph.pictures.centring import normalize
from mnist_graph.pictures.decode import read_picture

# Pixels: the longest side of the picture in the first look, and in the closest one.
FIRST_SIDE, CLOSEST_SIDE = 256, 1280
# Pixels: a smaller picture is enlarged, so that strokes and gaps are several pixels wide.
_LEAST_SIDE = 100
# Pixels: digits lower than this are looked at again in more detail, as far as the picture has it, or enlarged.
_LEAST_HEIGHT = 28
# Of the whole picture's shorter side, in a first look, and of a digit's height, in a later one: wider than a stroke.
_FIRST_REACH, _REACH = 0.4, 0.6
# Of the typical height: what is smaller is a speck.
_SPECK = 0.12
# Of the picture's height and width: what a digit has that a picture is cut out to.
_OF_CUT_OUT = 0.5, 0.3
# Atoms, at most, that may all be one broken digit.
_FEW_ATOMS = 8
# Pieces and candidates: more of them are the grain of paper or cloth.
_MOST_PIECES, _MOST_CANDIDATES = 1500, 700
# Natural logarithm: how much better than a digit `none` must be.
_NONE_PENALTY = -2.5
# Natural logarithm: how much better than a whole digit the parts on both sides of a cut must be; also two pieces in one.
_CUT_PENALTY = -0.5
# Of the row's height: what is lower and narrower than this is a point, and lower than the second a dash or a comma.
_POINT, _LOW = 0.22, 0.4
# Share of ink from which a pixel counts as ink in a second look, which joins what is broken.
_FAINT = 0.28
# A digit is read, and a reading is clean, from this probability on.
_SURE = 0.9
# Of the ink: what a clean reading leaves out.
_LITTLE_LEFT = 0.08
# Of the row's height: a lower 1 is a speck or a stroke of something else.
_LEAST_ONE = 0.55

# What a 1 counts for, beside other digits, where ways to see a picture are compared.
_WORTH_OF_ONE = 0.6
# Of the ink that does not come in from outside.
_MUCH_OUTSIDE = 0.15
# Of its row's typical height: a higher 1 is a rule or an edge, and a slash is so high. Of its length: a straight
# stroke is not as thick. Degrees by which a slash leans.
_HIGHEST_ONE, _SLASH_HEIGHT, _BAR, _SLASH_LEAN = 1.45, 1.15, 0.3, 16
# Of its neighbours' height: that of a 1 that may touch the picture's border.
_LIKE_NEIGHBOURS = 0.85
# Of the page's typical height: what is lower is a remnant of something else.
_LEAST_HEIGHT_OF_TYPICAL = 0.3

Scores = np.ndarray
Asking = Generator[np.ndarray, Scores, 'Page']


class Digit(NamedTuple):
    """One digit that was read.

    Attributes:
      image: float32 [28, 28] in [0, 1], as MNIST would have it.
      scores: float [classes]: what the network said.
      box: (left, top, right, bottom) in the picture that was looked at.
      area: Pixels of ink.
    """

    image: np.ndarray
    scores: np.ndarray
    box: tuple[int, int, int, int]
    area: int


class Page(NamedTuple):
    """What was read in a picture.

    Attributes:
      rows: Digits, left to right, of every row, top to bottom; empty if there is none.
      left_out: Share of the ink, in [0, 1], that was seen and is in no digit.
      size: (width, height) of the picture that the boxes are in.
      explained: How much ink the sure digits hold; greater is better.
    """

    rows: list[list[Digit]]
    left_out: float
    size: tuple[int, int]
    explained: float

    @property
    def images(self) -> np.ndarray:
        """float32 [digits, 28, 28], row after row."""
        images = [digit.image for row in self.rows for digit in row]
        return np.stack(images) if images else np.zeros((0, 28, 28), np.float32)

    @property
    def is_clean(self) -> bool:
        """Whether every digit is sure, and next to no ink is left out."""
        digits = [digit for row in self.rows for digit in row]
        return bool(digits) and self.left_out < _LITTLE_LEFT and all(digit.scores[:10].max() > _SURE for digit in digits)


class Proposal(NamedTuple):
    """What may be digits in one way to see a picture.

    Attributes:
      ink: What was seen.
      mask: uint8 [height, width]: the ink that was looked at.
      atoms: For each row its atoms.
      runs: For each row (first, stop) of the atoms that each candidate is made of.
      images: float32 [candidates, 28, 28], row after row.
      whole: float32 [1 or 0, 28, 28]: all of a little ink as one digit.
      height: Pixels: the digits' typical height, 0 if there is nothing.
      total: Pixels of ink that is no speck and does not come in from outside.
      outside: Pixels of ink that does.
    """

    ink: planes.Ink
    mask: np.ndarray
    atoms: list[list[rows.Atom]]
    runs: list[list[tuple[int, int]]]
    images: np.ndarray
    whole: np.ndarray
    height: float
    total: int
    outside: int


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
    picture = _enlarged(read_picture(source, FIRST_SIDE))
    was_reduced = max(picture.shape[:2]) == FIRST_SIDE
    best = None
    outline = sheet.find_sheet(picture)
    for closer in (False, True):
        if closer:
            picture, scale = _closer(source, picture, was_reduced, height)
            if scale == 1:
                break
        height = 0.0
        views = [sheet.cut_out(picture, outline), picture] if outline is not None else [picture]
        for view in views:
            for proposal in _proposals(view, None if not closer else best_height * scale):
                height = height or proposal.height
                if not closer and proposal.height < _LEAST_HEIGHT and _can_be_closer(picture, was_reduced):
                    break
                if not len(proposal.images):
                    continue
                page = _settle(proposal, (yield np.concatenate([proposal.images, proposal.whole])), view.shape)
                if best is None or page.explained > best.explained:
                    best = page
                if page.is_clean:
                    return page
        best_height = height
    return best or Page([], 0.0, picture.shape[1::-1], 0.0)


def _enlarged(picture: np.ndarray, least: int = _LEAST_SIDE) -> np.ndarray:
    scale = -(-least // max(picture.shape[:2]))
    if scale <= 1:
        return picture
    return np.atleast_3d(np.clip(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), 0, 1))


def _can_be_closer(picture, was_reduced: bool) -> bool:
    return was_reduced or max(picture.shape[:2]) < CLOSEST_SIDE


def _closer(source, picture: np.ndarray, was_reduced: bool, height: float) -> tuple[np.ndarray, float]:
    """The picture in more detail, and by how much; enlarged where its digits are small all the same."""
    side = max(picture.shape[:2])
    larger = read_picture(source, CLOSEST_SIDE) if was_reduced else picture
    scale = max(larger.shape[:2]) / side
    if 0 < height * scale < _LEAST_HEIGHT and max(larger.shape[:2]) < CLOSEST_SIDE:
        factor = min(_LEAST_HEIGHT * 1.5 / (height * scale), CLOSEST_SIDE * 1.5 / max(larger.shape[:2]))
        larger = np.atleast_3d(cv2.resize(larger, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))
        scale *= factor
    return larger, scale


def _proposals(picture: np.ndarray, height: float | None):
    """Several ways to see a picture, the likeliest first."""
    shade, is_dark = planes.shade(picture)
    first = round(_FIRST_REACH * min(picture.shape[:2]))
    reach = first if height is None else min(first, max(7, round(_REACH * height)))
    ink = planes.find_ink(shade, is_dark, reach)
    if ink is not None:
        mask = ink.mask
        yield _propose(ink, mask)
        rules = pieces_of.find_rules(mask)
        if rules.any():
            mask = pieces_of.without_rules(mask, rules)
            yield _propose(ink, mask)
        yield _propose(ink, (ink.share >= _FAINT).astype(np.uint8))
        thick = pieces_of.thick_strokes(mask)
        if thick is not None:
            yield _propose(ink, thick)
    others = [(shade, not is_dark)]
    if picture.shape[2] == 3:
        grey = planes.lightness(picture)
        others += [(grey, True), (grey, False)]
    for plane, dark in others:
        ink = planes.find_ink(plane, dark, reach)
        if ink is not None:
            yield _propose(ink, ink.mask)


def _propose(ink: planes.Ink, mask: np.ndarray) -> Proposal:
    pieces = pieces_of.find_pieces(mask)
    nothing = Proposal(ink, mask, [], [], np.zeros((0, 28, 28), np.float32), np.zeros((0, 28, 28), np.float32), 0.0, 0, 0)
    if len(pieces.area) > _MOST_PIECES:
        return nothing
    keep, total, outside = _writing(pieces)
    height = rows.typical_height(pieces, np.flatnonzero(keep)) if keep.any() else 0.0
    atoms, runs, images = [], [], []
    for row in rows.find_rows(pieces, keep):
        row_atoms = rows.atoms(pieces, row)
        if len(images) + len(rows.candidates(row_atoms)) > _MOST_CANDIDATES:
            return nothing._replace(height=height)
        found = []
        for first, stop in rows.candidates(row_atoms):
            try:
                images.append(normalize(_picture_of(ink, row_atoms[first:stop])))
                found.append((first, stop))
            except ImageError:
                pass
        atoms.append(row_atoms)
        runs.append(found)
    whole = []
    together = [atom for row_atoms in atoms for atom in row_atoms]
    if 1 < len(together) <= _FEW_ATOMS:
        with contextlib.suppress(ImageError):
            whole.append(normalize(_picture_of(ink, together)))
    images, whole = (np.array(each, np.float32).reshape(-1, 28, 28) for each in (images, whole))
    return Proposal(ink, mask, atoms, runs, images, whole, height, total, outside)


def _writing(pieces: pieces_of.Pieces) -> tuple[np.ndarray, int, int]:
    """Which pieces are neither specks nor clutter nor from outside, unless that is all there is.

    Returns:
      (bool [pieces], pixels of all that is no speck and not from outside, pixels from outside).
    """
    longest = np.maximum(pieces.height, pieces.width)
    outside = pieces_of.from_outside(pieces)
    height, width = pieces.labels.shape
    keep = ~outside
    if not (keep & (longest >= 8)).any():
        # A picture cut to its digit, which then touches the border, but does not only run along it.
        keep = (pieces.height >= _OF_CUT_OUT[0] * height) & (pieces.width >= _OF_CUT_OUT[1] * width)
    if not keep.any():
        return keep, 0, 0
    numbers = np.flatnonzero(keep)
    typical = rows.typical_height(pieces, numbers[longest[numbers] >= 4] if (longest[numbers] >= 4).any() else numbers)
    keep &= longest >= max(3, _SPECK * typical)
    total = int(pieces.area[keep].sum())
    keep[pieces_of.clutter(pieces, np.flatnonzero(keep), typical)] = False
    return keep, total, int(pieces.area[outside].sum())


def _picture_of(ink: planes.Ink, atoms: list[rows.Atom]) -> np.ndarray:
    """The ink of some atoms with its soft edge, float32 [height, width]."""
    left, top = min(a.left for a in atoms) - 1, min(a.top for a in atoms) - 1
    right, bottom = max(a.right for a in atoms) + 1, max(a.bottom for a in atoms) + 1
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for atom in atoms:
        mask[atom.top - top : atom.bottom - top, atom.left - left : atom.right - left] |= atom.mask
    if atoms[0].group != atoms[-1].group:
        # What joins the pieces of one digit is there, only fainter.
        points = cv2.findNonZero(mask)
        mask = cv2.fillConvexPoly(mask, cv2.convexHull(points), 1)
    height, width = ink.share.shape
    y, x = max(0, -top), max(0, -left)
    mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))[y : y + height - max(0, top), x : x + width - max(0, left)]
    share = ink.share[max(0, top) : bottom, max(0, left) : right]
    return share * mask[: share.shape[0], : share.shape[1]]


def _settle(proposal: Proposal, scores: np.ndarray, shape) -> Page:
    """The best way to read what was proposed."""
    found, start = [], 0
    explained = looked_at = 0.0
    for atoms, runs in zip(proposal.atoms, proposal.runs):
        of_row = scores[start : start + len(runs)]
        images = proposal.images[start : start + len(runs)]
        start += len(runs)
        digits = []
        for index, is_digit in _best_path(atoms, runs, of_row):
            first, stop = runs[index]
            area = sum(atom.area for atom in atoms[first:stop])
            sure = float(of_row[index][:10].max())
            if is_digit:
                box = (
                    min(a.left for a in atoms[first:stop]),
                    min(a.top for a in atoms[first:stop]),
                    max(a.right for a in atoms[first:stop]),
                    max(a.bottom for a in atoms[first:stop]),
                )
                digits.append(Digit(images[index], of_row[index], box, area))
                explained += area * max(0.0, 2 * sure - 1) * (_WORTH_OF_ONE if of_row[index][:10].argmax() == 1 else 1)
            looked_at += area
        if digits:
            found.append(digits)
    if len(proposal.whole) and found:
        found = _one_or_several(found, proposal, scores[-1])
        explained = sum(digit.area * max(0.0, 2 * digit.scores[:10].max() - 1) for row in found for digit in row)
    found = _without_doubtful(found, proposal.mask)
    total = max(1, proposal.total)
    read_area = sum(digit.area for row in found for digit in row)
    page_area = shape[0] * shape[1]
    # What came in from outside may have taken digits along.
    looked_at += max(0, proposal.outside - _MUCH_OUTSIDE * total)
    value = proposal.ink.contrast * (explained - 0.3 * (total - explained)) / page_area
    return Page(found, 1 - read_area / max(looked_at, 1.0), shape[1::-1], value)


def _one_or_several(found: list[list[Digit]], proposal: Proposal, scores: np.ndarray) -> list[list[Digit]]:
    """All of the ink as one digit, where that is likelier than the digits that were found."""
    digits = [digit for row in found for digit in row]
    ink = sum(digit.area for digit in digits)
    by_parts = sum(digit.area * np.log(max(digit.scores[:10].max(), 1e-6)) for digit in digits) / ink
    atoms = [atom for row in proposal.atoms for atom in row]
    by_parts += _CUT_PENALTY * (len(digits) - 1) + np.log(ink / sum(atom.area for atom in atoms))
    if np.log(max(scores[:10].max(), 1e-6)) <= by_parts:
        return found
    box = (
        min(a.left for a in atoms),
        min(a.top for a in atoms),
        max(a.right for a in atoms),
        max(a.bottom for a in atoms),
    )
    return [[Digit(proposal.whole[0], scores, box, sum(atom.area for atom in atoms))]]


def _without_doubtful(found: list[list[Digit]], mask: np.ndarray) -> list[list[Digit]]:
    """Rows less what reads as a digit but stands where none does; see the constants.

    1 is what any stroke is read as: more is asked of it.
    """
    digits = [digit for row in found for digit in row]
    tall = [_high(digit) for digit in digits if _label(digit) != 1] or [_high(digit) for digit in digits]
    if not tall:
        return []
    typical = float(np.median(tall))
    result = []
    for row in found:
        heights = [_high(digit) for digit in row if _label(digit) != 1] or [typical]
        kept = []
        for digit in row:
            if len(digits) > 2 and _high(digit) < _LEAST_HEIGHT_OF_TYPICAL * typical:
                continue
            if _label(digit) == 1 and len(digits) > 1 and _is_no_one(digit, row, float(np.median(heights)), found, mask):
                continue
            kept.append(digit)
        if kept:
            result.append(kept)
    return result


def _is_no_one(digit: Digit, row: list[Digit], height: float, found: list[list[Digit]], mask: np.ndarray) -> bool:
    left, top, right, bottom = digit.box
    high = bottom - top
    if high < _LEAST_ONE * height or high > _HIGHEST_ONE * height:
        return True
    if len(row) == 1 and max(map(len, found)) >= 3:
        return True
    at_edge = left <= 1 or top <= 1 or right >= mask.shape[1] - 1 or bottom >= mask.shape[0] - 1
    if at_edge and not _LIKE_NEIGHBOURS < high / height < 1 / _LIKE_NEIGHBOURS:
        return True
    return high > _SLASH_HEIGHT * height and _is_leaning_bar(digit.image)


def _is_leaning_bar(image: np.ndarray) -> bool:
    """Whether a float32 [28, 28] shows a straight stroke, as a slash is, that leans more than most hands write a 1."""
    _, (wide, high), angle = cv2.minAreaRect(cv2.findNonZero((image > 0.5).astype(np.uint8)))
    # OpenCV's angle is that of the first side, in (0, 90].
    lean = 90 - angle if wide > high else angle
    return min(wide, high) < _BAR * max(wide, high) and min(lean, 90 - lean) > _SLASH_LEAN


def _label(digit: Digit) -> int:
    return int(digit.scores[:10].argmax())


def _high(digit: Digit) -> int:
    return digit.box[3] - digit.box[1]


def _best_path(atoms, runs, scores) -> list[tuple[int, bool]]:
    """The runs (their index, and whether each is a digit) that together cover a row's atoms and score best.

    A run's score is the logarithm of its probability times its ink, so that the path of few runs is not preferred.
    """
    n = len(atoms)
    height = max(atom.bottom - atom.top for atom in atoms)
    best = np.full(n + 1, -np.inf)
    best[0] = 0
    came: list = [None] * (n + 1)
    by_first: dict[int, list[int]] = {}
    for index, (first, _) in enumerate(runs):
        by_first.setdefault(first, []).append(index)
    for first in range(n):
        if best[first] == -np.inf:
            continue
        if best[first] > best[first + 1]:  # an atom of which no image could be made
            best[first + 1], came[first + 1] = best[first] - 10 * atoms[first].area, (first, -1, False)
        for index in by_first.get(first, ()):
            stop = runs[index][1]
            run = atoms[first:stop]
            area = sum(atom.area for atom in run)
            high = max(a.bottom for a in run) - min(a.top for a in run)
            wide = max(a.right for a in run) - min(a.left for a in run)
            of = scores[index]
            none = of[10] if len(of) > 10 else 0.0
            sure = of[:10].max()
            if high < _LOW * height and int(of[:10].argmax()) == 1 or max(high, wide) < _POINT * height or wide > 2 * high:
                sure = 0.0
            elif int(of[:10].argmax()) == 1 and high < _LEAST_ONE * height:
                sure *= 0.2
            n_cuts = (first > 0 and atoms[first - 1].group == run[0].group) + sum(
                one.group != other.group for one, other in zip(run, run[1:])
            )
            for value, is_digit in (
                (np.log(max(sure, 1e-6)) + _CUT_PENALTY * n_cuts, True),
                (np.log(max(none, 1e-3)) + _NONE_PENALTY, False),
            ):
                total = best[first] + area * value
                if total > best[stop]:
                    best[stop], came[stop] = total, (first, index, is_digit)
    path, at = [], n
    while at:
        first, index, is_digit = came[at]
        if index >= 0:
            path.append((index, is_digit))
        at = first
    return path[::-1]
