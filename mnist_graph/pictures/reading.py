"""Reading a page: what may be digits is proposed, a network scores it, and the best way to read it all is kept.

Nothing here runs a network. `read` is a generator that yields what it wants to
have scored, and is sent the scores, so that many pictures can share a batch.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from mnist_graph.pictures import proposals
from mnist_graph.pictures.centring import mnist_digit
from mnist_graph.pictures.decode import WORKING_SIDE, read_picture
from mnist_graph.pictures.doubts import LEAST_ONE, Digit, without_doubtful

# Natural logarithm: how much better than a digit `none` must be.
_NONE_PENALTY = -2.5
# Natural logarithms: how much better than a whole digit the parts on both sides of a cut must be, than two pieces the
# digit that they make together, and a 1, which any piece is like, than the rest.
_CUT_PENALTY, _JOIN_PENALTY, _ONE_PENALTY = -0.5, -0.1, -0.3
# Of the row's height: what is lower and narrower than this is a point, and lower than the second a dash or a comma.
_POINT, _LOW = 0.22, 0.4
# A digit is read, and a reading is clean, from this probability on.
_SURE = 0.9
# Of the ink: what a clean reading leaves out.
_LITTLE_LEFT = 0.08
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
    def is_sure(self) -> bool:
        """Whether there are digits, and every one is sure."""
        digits = [digit for row in self.rows for digit in row]
        return bool(digits) and all(digit.scores[:10].max() > _SURE for digit in digits)

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
    picture = read_picture(source)
    ready = mnist_digit(picture)
    if ready is not None:
        scores = (yield ready[None])[0]
        return Page([[Digit(ready, scores, (4, 4, 24, 24), int((ready > 0.5).sum()))]], 0.0, (28, 28), 1.0)
    picture = proposals.enlarged(picture)
    was_reduced = max(picture.shape[:2]) == WORKING_SIDE
    best, height, n_scored = Page([], 0.0, picture.shape[1::-1], -np.inf), 0.0, 0
    for is_closer in (False, True):
        if is_closer:
            picture, scale = proposals.closer(source, picture, was_reduced, height)
            if scale == 1:
                break
            height *= scale
        first_height = 0.0
        for view in proposals.views(picture):
            for proposal in proposals.proposals(view, height if is_closer else None):
                first_height = first_height or proposal.height
                if (
                    not is_closer
                    and proposal.height < proposals.LEAST_HEIGHT
                    and proposals.can_be_closer(picture, was_reduced)
                ):
                    break
                if not len(proposal.images):
                    continue
                if n_scored > _MOST_SCORED:
                    return best
                n_scored += len(proposal.images)
                page = _settle(proposal, (yield np.concatenate([proposal.images, proposal.whole])), view.shape)
                if proposal.is_second_guess and not page.is_sure:
                    continue
                if page.explained > best.explained:
                    best = page
                if page.is_clean:
                    return page
        height = first_height or height
    return best


def _settle(proposal: proposals.Proposal, scores: np.ndarray, shape) -> Page:
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
    found = without_doubtful(found, proposal.mask)
    total = max(1, proposal.total)
    read_area = sum(digit.area for row in found for digit in row)
    page_area = shape[0] * shape[1]
    # What came in from outside may have taken digits along.
    looked_at += max(0, proposal.outside - _MUCH_OUTSIDE * total)
    value = proposal.ink.contrast * (explained - 0.3 * (total - explained)) / page_area
    return Page(found, 1 - read_area / max(looked_at, 1.0), shape[1::-1], value)


def _one_or_several(found: list[list[Digit]], proposal: proposals.Proposal, scores: np.ndarray) -> list[list[Digit]]:
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
            if (
                high < _LOW * height
                and int(of[:10].argmax()) == 1
                or max(high, wide) < _POINT * height
                or wide > 2 * high
            ):
                sure = 0.0
            elif int(of[:10].argmax()) == 1 and high < LEAST_ONE * height:
                sure *= 0.2
            penalty = _CUT_PENALTY * (first > 0 and atoms[first - 1].group == run[0].group)
            penalty += _JOIN_PENALTY * sum(one.group != other.group for one, other in zip(run, run[1:]))
            penalty += _ONE_PENALTY * (n > 1 and int(of[:10].argmax()) == 1)
            for value, is_digit in (
                (np.log(max(sure, 1e-6)) + penalty, True),
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
