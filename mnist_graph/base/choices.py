"""What a data set can be asked for as: here, and not in `data`, so that `--help` need not wait for numpy."""

DATASETS = ('auto', 'mnist', 'drawn')
