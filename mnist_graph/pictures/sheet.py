"""Paper: the sheet in a picture that shows what it lies on, too, which is made upright; and the lines printed on it."""

from typing import NamedTuple

import numpy as np

from mnist_graph.base.opencv import cv2
from mnist_graph.pictures import planes

# Pixels: the sheet is looked for in a picture reduced to this side.
_SIDE = 200
# Of the picture: what is smaller is no sheet, and what is larger needs no looking for.
_LEAST_SHARE, _MOST_SHARE = 0.12, 0.97
# A sheet's area over that of its convex hull, its holes (the writing) filled.
_LEAST_SOLIDITY = 0.93
# Of the picture's side: vertices nearer than this to the border are where it cuts the sheet.
_BORDER = 0.015
# Of the sheet's hull: the area of a quadrilateral that may stand for it.
_LIKE_QUADRILATERAL = 0.91
# Pixels: how far within and without an edge its step is measured. Grey levels: the least step. Share of the contrast
# between sheet and ground that the step must have; lamplight fades over a longer way.
_STEP, _LEAST_STEP, _SHARE_OF_STEP = 4, 12, 0.5
# Black to white is 1: what is as near to the border's colour is like it; a sheet steps by more. Of the border: what may
# differ where all of it is one ground.
_LIKE_BORDER, _EVEN_BORDER = 0.045, 0.02
# Of the sheet's side: its edge is soft, and often in shadow.
_MARGIN = 0.02
# At least this share of a line from border to border is ink.
_COVERED = 0.85
# A line goes down or up by this many pixels for each to the right, at most; so many slopes up to that are tried.
_STEEPEST, _N_SLOPES = 0.03, 13
# Pixels: ink that is so near to the border counts as touching it.
_AT_BORDER = 2
# A line is not thicker than this share of its length.
_THICKEST = 0.06
# A picture may be cut out to its digit if the ink reaches over this share of both its sides.
_CUT_OUT = 0.9
# A line across it is then a stroke if what hangs together with it has more ink than this many times its own.
_ALONE = 1.3


def find_sheet(picture: np.ndarray) -> np.ndarray | None:
    """The corners of a sheet of paper that does not fill the picture.

    Args:
      picture: float32 [height, width, 1 or 3] in [0, 1].

    Returns:
      float32 [n, 2], n >= 4: the convex outline (x, y) in shares of the
      picture's width and height; or None where there is no such sheet.
    """
    height, width = picture.shape[:2]
    scale = min(1, _SIDE / max(height, width))
    if min(height, width) * scale < 24:
        return None
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = np.atleast_3d(small)
    if _is_all_one(small):
        return None
    best, best_area = None, 0.0
    for plane in _planes(small):
        plane = cv2.medianBlur(plane, 5)
        _, bright = cv2.threshold(plane, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        for mask in (bright, 255 - bright):
            outline = _outline(mask, plane)
            if outline is not None and (area := cv2.contourArea(outline)) > best_area:
                best, best_area = outline, area
    if best is None:
        return None
    return best.reshape(-1, 2).astype(np.float32) / np.array([small.shape[1] - 1, small.shape[0] - 1], np.float32)


def _is_all_one(small: np.ndarray) -> bool:
    """Whether the border is even, and less of the picture differs from it than a sheet would; this is quick to tell."""
    thin = small[::2, ::2]
    border = planes.border_of(thin)
    middle = np.median(border, axis=0)
    return bool(
        (np.abs(border - middle).max(axis=1) > _LIKE_BORDER).mean() < _EVEN_BORDER
        and (np.abs(thin - middle).max(axis=2) > _LIKE_BORDER).mean() < _LEAST_SHARE
    )


def _planes(small: np.ndarray) -> list[np.ndarray]:
    """uint8 planes on which paper may differ from what it lies on: lightness, and distance from the border's colour."""
    if small.shape[2] == 1:
        lightness = small[:, :, 0]
        distance = np.abs(lightness - planes.median(planes.border_of(lightness)))
    else:
        colours = cv2.cvtColor(small, cv2.COLOR_RGB2Lab)
        lightness = cv2.extractChannel(colours, 0)
        ground = np.median(planes.border_of(colours), axis=0)
        off = cv2.subtract(colours, (*ground.tolist(), 0))
        distance = cv2.sqrt(cv2.transform(cv2.multiply(off, off), np.ones((1, 3), np.float32)))
    return [(plane * (255 / max(float(plane.max()), 1e-6))).astype(np.uint8) for plane in (lightness, distance)]


def _outline(mask: np.ndarray, plane: np.ndarray) -> np.ndarray | None:
    """The convex hull of the largest part of a mask, if it looks like a sheet with something written on it."""
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    contour = max(contours, key=cv2.contourArea)
    hull = cv2.convexHull(contour)
    area = cv2.contourArea(hull)
    if not _LEAST_SHARE * mask.size < area < _MOST_SHARE * mask.size:
        return None
    if cv2.contourArea(contour) < _LEAST_SOLIDITY * area:
        return None
    outline = cv2.approxPolyDP(hull, 0.02 * cv2.arcLength(hull, True), True)
    if not 4 <= len(outline) <= 6 or cv2.contourArea(outline) < _LIKE_QUADRILATERAL * area:
        return None
    inside = np.zeros_like(mask)
    cv2.fillConvexPoly(inside, outline, 255)
    inside = cv2.erode(inside, np.ones((9, 9)))
    values, around = plane[inside > 0], plane[inside == 0]
    if values.size < 100 or not around.size:
        return None
    contrast = float(np.median(values)) - float(np.median(around))
    written = np.abs(values.astype(np.float32) - np.median(values)) > max(12, 0.25 * abs(contrast))
    return outline if 0.001 < written.mean() < 0.5 and _is_sharp(outline, plane, contrast) else None


def _is_sharp(outline: np.ndarray, plane: np.ndarray, contrast: float) -> bool:
    """Whether the plane steps at the outline's edges within the picture, as at a sheet's edge and unlike lamplight."""
    height, width = plane.shape
    points = outline.reshape(-1, 2).astype(np.float32)
    centre = points.mean(axis=0)
    steps = []
    for start, stop in zip(points, np.roll(points, -1, axis=0)):
        along = start + np.linspace(0.1, 0.9, 24)[:, None] * (stop - start)
        outward = np.array([stop[1] - start[1], start[0] - stop[0]]) / max(1e-6, float(np.linalg.norm(stop - start)))
        outward *= np.sign(outward @ ((start + stop) / 2 - centre))
        inner, outer = (np.round(along + distance * outward).astype(int) for distance in (-_STEP, _STEP))
        seen = (outer >= 0).all(axis=1) & (outer[:, 0] < width) & (outer[:, 1] < height)
        if seen.mean() > 0.5:
            inner = np.clip(inner, 0, (width - 1, height - 1))
            difference = plane[inner[seen, 1], inner[seen, 0]].astype(int) - plane[outer[seen, 1], outer[seen, 0]]
            steps.append(float(np.median(difference)) * np.sign(contrast))
    return bool(steps) and min(steps) > max(_LEAST_STEP, _SHARE_OF_STEP * abs(contrast))


def cut_out(picture: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """The sheet alone and upright.

    A quadrilateral is made a rectangle by the perspective transform. Where the
    picture's border cuts the sheet, it is turned so that its longest edge that
    is seen becomes level or upright, and what lies beside it is painted over.

    Args:
      picture: float32 [height, width, 1 or 3].
      outline: As `find_sheet` gives it.

    Returns:
      float32 [height, width, 1 or 3].
    """
    height, width = picture.shape[:2]
    points = outline * np.array([width - 1, height - 1], np.float32)
    is_cut = ((outline < _BORDER) | (outline > 1 - _BORDER)).any(axis=1)
    if len(points) == 4 and is_cut.sum() <= 1:
        corners = _from_upper_left(points)
        sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
        wide, high = max(sides[0], sides[2]), max(sides[1], sides[3])
        target = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
        upright = cv2.warpPerspective(
            picture, cv2.getPerspectiveTransform(corners, target), (round(wide), round(high)), flags=cv2.INTER_AREA
        )
        inset_y, inset_x = (max(1, round(_MARGIN * side)) for side in (high, wide))
        return np.atleast_3d(upright)[inset_y:-inset_y, inset_x:-inset_x]
    paper = np.median(picture[_filled(points, picture.shape) > 0], axis=0)
    shrunk = _filled(points, picture.shape)
    size = max(3, round(_MARGIN * max(height, width)) | 1)
    shrunk = cv2.erode(shrunk, np.ones((size, size)), borderType=cv2.BORDER_CONSTANT, borderValue=255)
    picture = np.where(shrunk[..., None] > 0, picture, paper.astype(np.float32))
    angle = _tilt(points, np.asarray(is_cut), outline)
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    turned = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=paper.tolist())
    left, top, wide, high = cv2.boundingRect(cv2.transform(points[None], turn)[0])
    left, top = max(0, left), max(0, top)
    return np.atleast_3d(turned)[top : top + high, left : left + wide]


def _filled(points: np.ndarray, shape) -> np.ndarray:
    return cv2.fillConvexPoly(np.zeros(shape[:2], np.uint8), np.round(points).astype(np.int32), 255)


def _from_upper_left(points: np.ndarray) -> np.ndarray:
    """Four corners, clockwise from the upper left."""
    centre = points.mean(axis=0)
    order = np.argsort(np.arctan2(points[:, 1] - centre[1], points[:, 0] - centre[0]))
    points = points[order]
    return np.roll(points, -int(points.sum(axis=1).argmin()), axis=0).astype(np.float32)


def _tilt(points: np.ndarray, is_cut: np.ndarray, outline: np.ndarray) -> float:
    """Degrees, in [-45, 45], by which the longest edge within the picture is off the level or the upright."""
    steps = np.roll(points, -1, axis=0) - points
    ends = np.roll(outline, -1, axis=0)
    on_border = np.zeros(len(points), bool)
    for axis in (0, 1):
        for side in (0, 1):
            on_border |= (abs(outline[:, axis] - side) < _BORDER) & (abs(ends[:, axis] - side) < _BORDER)
    lengths = np.where(on_border, 0, np.linalg.norm(steps, axis=1))
    if lengths.max() == 0:
        return 0.0
    x, y = steps[int(lengths.argmax())]
    angle = float(np.degrees(np.arctan2(y, x)))
    return (angle + 45) % 90 - 45


class Lines(NamedTuple):
    """Straight lines from border to border.

    Attributes:
      mask: uint8 [height, width]: 1 on them.
      are_strokes: Whether they may be strokes of a digit to which the picture was cut. So it is if there is at most one
        line in each direction, the ink is nearly as large as the picture, and other ink is connected to the lines.
    """

    mask: np.ndarray
    are_strokes: bool


def find_lines(mask: np.ndarray) -> Lines | None:
    """The lines of ruled and squared paper, or None if there are none.

    Unlike those of `pieces.find_rules`, they run from border to border, as a digit's strokes seldom do, however large it is.

    Args:
      mask: uint8 [height, width]: 1 on ink.
    """
    level, n_level = _level_lines(mask)
    upright, n_upright = _level_lines(mask.T)
    if not n_level and not n_upright:
        return None
    lines = level | upright.T
    _, _, wide, high = cv2.boundingRect(mask)
    is_large = min(wide / mask.shape[1], high / mask.shape[0]) >= _CUT_OUT
    if not is_large or max(n_level, n_upright) > 1:
        return Lines(lines, False)
    return Lines(lines, hold_more(mask, lines))


def hold_more(mask: np.ndarray, lines: np.ndarray) -> bool:
    """Whether more of the ink is connected to lines in it, as to strokes of a digit; both are uint8 [height, width]."""
    labels = cv2.connectedComponents(mask)[1]
    return bool(np.count_nonzero(np.isin(labels, labels[lines > 0])) > _ALONE * np.count_nonzero(lines))


def _level_lines(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """The level ones of `find_lines`, which are parallel, and how many there are."""
    mask = np.ascontiguousarray(mask)
    height, width = mask.shape
    if not mask[:, : _AT_BORDER + 1].any() or not mask[:, -_AT_BORDER - 1 :].any():
        return np.zeros_like(mask), 0
    thickened = cv2.dilate(mask, np.ones((3, 1), np.uint8))  # a line of one pixel that drifts up and down is whole then
    best, covered, slope = 0.0, np.zeros(height), 0.0
    for tried in np.linspace(-_STEEPEST, _STEEPEST, _N_SLOPES):
        share = cv2.reduce(_sheared(thickened, tried), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0]
        if (value := float((share**4).sum())) > best:
            best, covered, slope = value, share, tried
    level = _sheared(thickened, slope)
    edges = np.flatnonzero(np.diff(covered >= _COVERED, prepend=False, append=False)).reshape(-1, 2)
    lines, n_lines = np.zeros_like(mask), 0
    for top, stop in edges.tolist():
        # What lies along the border is a shadow, and so is what is thick.
        if 0 < top and stop < height and stop - top <= 2 + max(2, _THICKEST * width):
            columns = np.flatnonzero(level[top:stop].any(axis=0))
            if columns[0] <= _AT_BORDER and columns[-1] >= width - 1 - _AT_BORDER:
                lines[top:stop] = 1
                n_lines += 1
    return _sheared(lines, -slope) & mask, n_lines


def _sheared(mask: np.ndarray, slope: float) -> np.ndarray:
    """The mask with lines of this slope, in pixels down for each to the right, made level."""
    shear = np.array([[1, 0, 0], [slope, 1, -slope * mask.shape[1] / 2]])
    return cv2.warpAffine(mask, shear, mask.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
