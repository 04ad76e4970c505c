"""From picture files to the pixels that a network takes, by operations of the graph alone.

This is a plain version of what `pictures` does with much more care: one digit in a picture on even paper, of either
polarity, becomes 20 pixels long and is centred by its mass, as in MNIST. It looks for no sheet, no lines and no
second digit. docs/export.md says how much less accurate that is.
"""

import tensorflow.compat.v1 as tf

from mnist_graph.base.conventions import CENTRE_POSITION, IMAGE_SIDE, INK_SIDE, LUMA_WEIGHTS
from mnist_graph.base.inputs import InputSpec

# Fraction of the contrast between paper and the darkest ink: less is shadow and noise, more is full ink.
_FAINT, _FULL = 0.25, 0.7
# Fraction of full ink from which a pixel counts for the box around the digit.
_BOX = 0.3
# Pixels of the result: the black border around the ink while it is scaled.
_BORDER = 2.0
# Contrast, in the range of pixels from 0 to 1, below which a picture is blank; it keeps divisions finite.
_LEAST_CONTRAST = 1e-3


def pictures(image_bytes: tf.Tensor, spec: InputSpec, reads_digits: bool) -> tf.Tensor:
    """float32 [n, features] in [0, 1] of picture files, string [n]: PNG, JPEG, BMP or the first frame of a GIF.

    Args:
      image_bytes: The content of the files.
      spec: The shape of the pictures that the network takes.
      reads_digits: Whether they are digits like MNIST's; else pictures are only resized.
    """

    def one(content):
        picture = _decode(content)
        if reads_digits:
            return tf.reshape(digit(_grey(picture)), [spec.n_features])
        picture = _grey(picture)[..., tf.newaxis] if spec.channels == 1 else _colour(picture)
        resized = _scaled(picture, [spec.height, spec.width], None, None)
        return tf.reshape(resized, [spec.n_features])

    with tf.name_scope('decoding'):
        return tf.map_fn(one, image_bytes, fn_output_signature=tf.float32)


def _decode(content: tf.Tensor) -> tf.Tensor:
    """float32 [height, width, channels] in [0, 1]; what is transparent becomes white, as on paper."""
    picture = tf.io.decode_image(content, dtype=tf.float32, expand_animations=False)
    n_channels = tf.shape(picture)[2]
    n_alpha = 1 - n_channels % 2  # a second or a fourth channel says how opaque the others are
    colour = picture[..., : n_channels - n_alpha]
    opaque = tf.cond(n_alpha > 0, lambda: picture[..., n_channels - 1 :], lambda: tf.ones_like(picture[..., :1]))
    return colour * opaque + (1 - opaque)


def _grey(picture: tf.Tensor) -> tf.Tensor:
    """float32 [height, width] of one channel or three."""
    weights = tf.cond(tf.shape(picture)[2] > 1, lambda: tf.constant(LUMA_WEIGHTS), lambda: tf.constant([1.0]))
    return tf.reduce_sum(picture * weights, axis=2)


def _colour(picture: tf.Tensor) -> tf.Tensor:
    """float32 [height, width, 3] of one channel or three."""
    return picture * tf.ones([1, 1, 3])


def digit(grey: tf.Tensor) -> tf.Tensor:
    """float32 [28, 28] in [0, 1]: the ink of a picture as MNIST has it, black if there is none.

    Args:
      grey: float32 [height, width] in [0, 1].
    """
    ink = _ink(grey)
    rows, columns = (_box(tf.reduce_any(ink > _BOX, axis=axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[1], columns[0] : columns[1]]
    longest = tf.cast(tf.reduce_max(tf.shape(cut)), tf.float32)
    scale = INK_SIDE / longest
    mass = tf.maximum(tf.reduce_sum(cut), _LEAST_CONTRAST)
    starts = []
    for axis in (0, 1):
        positions = tf.cast(tf.range(tf.shape(cut)[axis]), tf.float32) + 0.5
        length = tf.cast(tf.shape(cut)[axis], tf.float32) * scale
        centre = scale * tf.reduce_sum(tf.reduce_sum(cut, axis=1 - axis) * positions) / mass
        # A heavy end may push the other beyond the picture; the whole digit stays inside.
        starts.append(tf.clip_by_value(CENTRE_POSITION - centre, 0.0, IMAGE_SIDE - length))
    # Without a black border the outermost pixels would be whole ones, and the digit not where it should be.
    border = tf.cast(tf.math.ceil(_BORDER / scale), tf.int32)
    framed = tf.pad(cut, tf.fill([2, 2], border))[..., tf.newaxis]
    starts = [start - tf.cast(border, tf.float32) * scale for start in starts]
    placed = _scaled(framed, [IMAGE_SIDE, IMAGE_SIDE], [scale, scale], starts)[..., 0]
    return placed / tf.maximum(tf.reduce_max(placed), _LEAST_CONTRAST)


def _ink(grey: tf.Tensor) -> tf.Tensor:
    """float32 [height, width] in [0, 1]: how much ink is in each pixel. Paper has the median grey."""
    flat = tf.sort(tf.reshape(grey, [-1]))
    paper = flat[tf.size(flat) // 2]
    is_dark_ink = paper - flat[0] > flat[-1] - paper
    contrast = tf.where(is_dark_ink, paper - grey, grey - paper)
    most = tf.maximum(tf.reduce_max(contrast), _LEAST_CONTRAST)
    return tf.clip_by_value((contrast / most - _FAINT) / (_FULL - _FAINT), 0.0, 1.0)


def _box(has_ink: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(first, past the last) of the rows or columns with ink, int32 []; (0, 1) if there are none."""
    length = tf.shape(has_ink)[0]
    numbers = tf.where(has_ink, tf.range(length), tf.fill([length], -1))
    last = tf.maximum(tf.reduce_max(numbers), 0)
    first = tf.reduce_min(tf.where(has_ink, tf.range(length), tf.fill([length], last)))
    return first, last + 1


def _scaled(picture: tf.Tensor, size: list[int], scale, starts) -> tf.Tensor:
    """float32 [*size, channels]: each pixel a mean over those of the picture that it covers.

    Args:
      picture: float32 [height, width, channels].
      size: Rows and columns of the result.
      scale: Factor of rows and of columns; None fits the whole picture.
      starts: Where the picture's first row and column begin in the result, in pixels; None is at 0.
    """
    if scale is None:
        scale = tf.unstack(tf.constant(size, tf.float32) / tf.cast(tf.shape(picture)[:2], tf.float32))
        starts = [tf.constant(0.0)] * 2
    placed = tf.raw_ops.ScaleAndTranslate(
        images=picture[tf.newaxis],
        size=size,
        scale=tf.stack(scale),
        translation=tf.stack(starts),
        kernel_type='triangle',
        antialias=True,
    )
    return placed[0]
