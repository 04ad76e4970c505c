"""Connected components, against a slow and simple way to find them."""

import numpy as np
import pytest

from mnist_graph.pictures.components import bounding_box, find_components


def test_components_of_a_small_mask_have_its_boxes_and_areas():
    mask = np.array([[1, 0, 0, 1, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 1, 0, 1, 0]], bool)
    parts = find_components(mask)
    boxes = sorted(zip(parts.top, parts.left, parts.bottom, parts.right, parts.area))
    assert boxes == [(0, 0, 2, 2, 2), (0, 3, 2, 5, 3), (3, 0, 4, 2, 2), (3, 3, 4, 4, 1)]
    np.testing.assert_array_equal(parts.mask(np.ones(4, bool)), mask)
    only = parts.mask(parts.area == 3)
    np.testing.assert_array_equal(np.argwhere(only), [(0, 3), (0, 4), (1, 4)])


def flood(mask):
    """The 8-connected components, the slow way: a sorted list of each one's sorted places."""
    left = {tuple(place) for place in np.argwhere(mask).tolist()}
    components = []
    while left:
        front, places = [left.pop()], []
        while front:
            y, x = front.pop()
            places.append((y, x))
            near = {(y + j, x + i) for j in (-1, 0, 1) for i in (-1, 0, 1)} & left
            left -= near
            front += near
        components.append(sorted(places))
    return sorted(components)


@pytest.mark.parametrize('share', [0.1, 0.3, 0.4, 0.5, 0.7])
def test_components_of_random_masks_are_those_of_a_flood_fill(share):
    random = np.random.default_rng(int(share * 10))
    for shape in ((1, 1), (1, 20), (20, 1), (23, 31), (40, 40)):
        mask = random.random(shape) < share
        parts, expected = find_components(mask), flood(mask)
        assert parts.area.tolist() == [len(places) for places in expected]  # in the order of their first pixels
        for number, places in enumerate(expected):
            only = parts.mask(np.arange(len(expected)) == number)
            assert list(map(tuple, np.argwhere(only).tolist())) == places
            assert bounding_box(only) == (
                parts.top[number],
                parts.bottom[number],
                parts.left[number],
                parts.right[number],
            )


def test_component_that_winds_is_one():
    mask = np.zeros((61, 61), bool)
    mask[::4] = True  # one long snake
    mask[:, 0] = mask[:, -1] = False
    for row in range(0, 57, 4):
        mask[row : row + 4, -1 if row % 8 else 0] = True
    assert find_components(mask).area.size == 1
