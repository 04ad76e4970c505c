"""The best path through a row of ink, and how sure it is, on atoms and scores made by hand."""

import numpy as np
import pytest

from mnist_graph.pictures import paths
from mnist_graph.pictures.rows import Atom


def atoms_of(*groups):
    """Atoms of 20x40 pixels of ink side by side, one of each group's number."""
    return [Atom(20 * k, 0, 20 * k + 20, 40, np.ones((40, 20), np.uint8), group) for k, group in enumerate(groups)]


def scores_of(label, probability):
    scores = np.zeros(11)
    scores[label], scores[10] = probability, 1 - probability
    return scores


def test_figures_apart_are_read_one_by_one():
    steps = paths.best_path(atoms_of(0, 1), {(0, 1): scores_of(4, 0.99), (1, 2): scores_of(7, 0.98)})
    assert [(step.run, step.is_digit) for step in steps] == [((0, 1), True), ((1, 2), True)]
    assert all(step.share == pytest.approx(1, abs=0.01) for step in steps)


@pytest.mark.parametrize('whole, runs', [(0.9, [(0, 2)]), (0.01, [(0, 1), (1, 2)])])
def test_a_figure_is_cut_where_its_parts_are_surer_than_the_whole(whole, runs):
    scores = {(0, 2): scores_of(4, whole), (0, 1): scores_of(6, 0.9), (1, 2): scores_of(4, 0.9)}
    assert [step.run for step in paths.best_path(atoms_of(0, 0), scores)] == runs


def test_a_reading_with_an_equal_beside_it_is_not_sure():
    """Whole and in parts the figure is a digit of like probability, less what a cut costs."""
    scores = {(0, 2): scores_of(4, 0.99), (0, 1): scores_of(6, 0.99), (1, 2): scores_of(3, 0.99)}
    (step,) = paths.best_path(atoms_of(0, 0), scores)
    assert step.run == (0, 2) and 0.5 < step.share < 0.8
    scores[0, 1] = scores[1, 2] = scores_of(6, 0.01)
    (step,) = paths.best_path(atoms_of(0, 0), scores)
    assert step.share > 0.85


def test_readings_that_agree_on_the_ink_do_not_count_against_each_other():
    small = Atom(20, 30, 24, 34, np.ones((4, 4), np.uint8), 1)
    atoms = [atoms_of(0)[0], small]
    scores = {(0, 1): scores_of(4, 0.99), (0, 2): scores_of(4, 0.99), (1, 2): scores_of(1, 0.01)}
    assert paths.best_path(atoms, scores)[0].share > 0.95


def test_what_was_not_scored_is_left_out():
    steps = paths.best_path(atoms_of(0, 1), {(0, 1): scores_of(4, 0.99)})
    assert [step.is_digit for step in steps] == [True, False]
