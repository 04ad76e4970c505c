"""Flags of a sweep whose trials take a second, and its results."""

import csv

TINY = ['--n_iterations=40', '--hidden_units=16', '--batch_size=20', '--n_validation=20', '--eval_steps=20']


def results(folder):
    """Lines of results.csv by point."""
    with open(folder / 'results.csv', newline='') as file:
        return {line['point']: line for line in csv.DictReader(file)}
