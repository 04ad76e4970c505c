"""Digits that the package draws by itself, for when there is neither MNIST nor a network."""

from mnist_graph.drawn.dataset import draw_digits, load_or_draw, test_picture

__all__ = ['draw_digits', 'load_or_draw', 'test_picture']
