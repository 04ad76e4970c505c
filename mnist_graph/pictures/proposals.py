"""What may be digits in a picture, in several ways to see it."""

import contextlib
from typing import NamedTuple

import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.base.opencv import cv2
from mnist_graph.pictures import pieces as pieces_of
from mnist_graph.pictures import planes, rows, sheet
from mnist_graph.pictures.decode import CLOSEST_SIDE, read_picture
from mnist_graph.pictures.mnist_style import normalize_digit
from mnist_graph.pictures.pixels import as_floats

# Pixels: a smaller picture is enlarged, so that strokes and gaps are several pixels wide.
_LEAST_SIDE = 100
# Pixels: digits lower than this are looked at again in more detail, as far as the picture has it, or enlarged.
LEAST_HEIGHT = 28
# Of the whole picture's shorter side, in a first look, and of a digit's height, in a later one: wider than a stroke.
FIRST_REACH, _REACH = 0.4, 0.6
# Of the typical height: what is smaller is a speck.
_SPECK = 0.12
# Of the picture's height and width: what a digit has that a picture is cut out to.
_OF_CUT_OUT = 0.5, 0.3
# Atoms, at most, that may all be one broken digit.
_FEW_ATOMS = 8
# Pieces and candidates: more of them are the grain of paper or cloth.
_MOST_PIECES, _MOST_CANDIDATES = 1500, 700
# Share of ink from which a pixel counts as ink in a second look, which joins what is broken.
_FAINT = 0.28


class Proposal(NamedTuple):
    """What may be digits in one way to see a picture.

    Attributes:
      ink: What was seen.
      mask: uint8 [height, width]: the ink that was looked at.
      atoms: For each row its atoms.
      runs: For each row (first, stop) of the atoms that each candidate is made of.
      height: Pixels: the digits' typical height, 0 if there is nothing.
      total: Pixels of ink that is no speck and does not come in from outside.
      outside: Pixels of ink that does.
      is_texture: Whether the ink is the grain of cloth and the like all over.
      is_thick: Whether thin strokes, which may be rules or digits, were left out.
      is_second_guess: Whether ink is looked for on the other side of the paper than where most of it seems to be.
    """

    ink: planes.Ink
    mask: np.ndarray
    atoms: list[list[rows.Atom]]
    runs: list[list[tuple[int, int]]]
    height: float
    total: int
    outside: int
    is_second_guess: bool = False
    is_thick: bool = False
    is_texture: bool = False

    def image(self, run: list[rows.Atom]) -> np.ndarray | None:
        """Some atoms as one digit, float32 [28, 28], or None where that is too little ink."""
        with contextlib.suppress(ImageError):
            return normalize_digit(_picture_of(self.ink, run))
        return None

    @property
    def all_atoms(self) -> list[rows.Atom]:
        """The atoms of all rows, where they are so few that they may be one broken digit; else []."""
        atoms = [atom for row in self.atoms for atom in row]
        return atoms if 1 < len(atoms) <= _FEW_ATOMS else []


def enlarged(picture: np.ndarray) -> np.ndarray:
    """A small picture enlarged, float32 [height, width, 1 or 3] in [0, 1]; another one as it is."""
    scale = -(-_LEAST_SIDE // max(picture.shape[:2]))
    if scale <= 1:
        return picture
    return np.atleast_3d(
        np.clip(cv2.resize(as_floats(picture), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), 0, 1)
    )


def views(picture: np.ndarray) -> list[np.ndarray]:
    """The picture, and before it the sheet of paper alone that lies in it, if there is one."""
    outline = sheet.find_sheet(picture)
    return [picture] if outline is None else [sheet.cut_out(picture, outline), picture]


def closer(source, picture: np.ndarray, was_reduced: bool, height: float) -> tuple[np.ndarray, float]:
    """The picture in more detail, and by how much; enlarged where its digits are small all the same."""
    side = max(picture.shape[:2])
    larger = read_picture(source, CLOSEST_SIDE) if was_reduced else picture
    scale = max(larger.shape[:2]) / side
    if 0 < height * scale < LEAST_HEIGHT and max(larger.shape[:2]) < CLOSEST_SIDE:
        factor = min(LEAST_HEIGHT * 1.5 / (height * scale), CLOSEST_SIDE * 1.5 / max(larger.shape[:2]))
        larger = np.atleast_3d(cv2.resize(larger, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))
        scale *= factor
    return larger, scale


def masks(ink: planes.Ink) -> list[np.ndarray]:
    """The ink as it is, and without the lines of its paper if there are any, uint8 [height, width]; the likelier first."""
    # Lines are often fainter than what is written on them.
    lines = sheet.find_lines(ink.mask) or sheet.find_lines((ink.share >= _FAINT).astype(np.uint8))
    if lines is None:
        return [ink.mask]
    ways = [pieces_of.without_rules(ink.mask, lines.mask), ink.mask]
    return ways[::-1] if lines.are_strokes else ways


def proposals(picture: np.ndarray, height: float | None):
    """Several ways to see a picture, the likeliest first."""
    shade, is_dark = planes.shade(picture)
    first = round(FIRST_REACH * min(picture.shape[:2]))
    reach = first if height is None else min(first, max(7, round(_REACH * height)))
    ink = planes.find_ink(shade, is_dark, reach)
    if ink is not None:
        for number, mask in enumerate(masks(ink)):
            proposal = _propose(ink, mask, may_be_texture=number == 0)
            yield proposal
            if proposal.is_texture:
                return
        mask = ink.mask
        rules = pieces_of.find_rules(mask)
        if rules.any():
            mask = pieces_of.without_rules(mask, rules)
            yield _propose(ink, mask)
        yield _propose(ink, (ink.share >= _FAINT).astype(np.uint8))
        thick = planes.thick_strokes(mask)
        if thick is not None:
            yield _propose(ink, thick)._replace(is_thick=True)
    others = [(shade, not is_dark)]
    if picture.shape[2] == 3:
        grey = planes.lightness(picture)
        others += [(grey, True), (grey, False)]
    for plane, dark in others:
        ink = planes.find_ink(plane, dark, reach)
        if ink is not None:
            yield _propose(ink, ink.mask)._replace(is_second_guess=dark != is_dark)


def _propose(ink: planes.Ink, mask: np.ndarray, may_be_texture: bool = False) -> Proposal:
    pieces = pieces_of.find_pieces(mask)
    nothing = Proposal(ink, mask, [], [], 0.0, 0, 0)
    if may_be_texture and pieces_of.is_dense_texture(pieces):
        return nothing._replace(is_texture=True)
    if len(pieces.area) > _MOST_PIECES or pieces_of.has_much_cut(pieces):
        return nothing
    keep, total, outside = writing(pieces)
    height = rows.typical_height(pieces, np.flatnonzero(keep)) if keep.any() else 0.0
    atoms = [rows.atoms(pieces, row) for row in rows.find_rows(pieces, keep)]
    runs = [rows.candidates(row_atoms) for row_atoms in atoms]
    if sum(map(len, runs)) > _MOST_CANDIDATES:
        return nothing._replace(height=height)
    return Proposal(ink, mask, atoms, runs, height, total, outside)


def writing(pieces: pieces_of.Pieces) -> tuple[np.ndarray, int, int]:
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
        keep &= ~pieces_of.along_edges(pieces)
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
