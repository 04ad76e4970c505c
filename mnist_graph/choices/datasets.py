"""What --dataset and --pictures may be; here, and not in `data`, so that --help need not wait for numpy."""

DATASETS = ('auto', 'mnist', 'drawn', 'handwriting')
# What --pictures may be: how class folders of pictures are read.
PICTURES = ('auto', 'raw', 'digits')
