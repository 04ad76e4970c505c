"""Figures of results and of data; needs the `plots` extra, or Pillow alone for grids."""
