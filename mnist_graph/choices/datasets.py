"""What --dataset may be; here, and not in `data`, so that --help need not wait for numpy."""

DATASETS = ('auto', 'mnist', 'drawn')
