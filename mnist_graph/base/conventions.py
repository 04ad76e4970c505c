"""Numbers that several packages agree on: the geometry of MNIST's pictures, and the luma of a colour."""

# Pixels: the side of a picture, and the longest side of the ink in it (Y. LeCun, C. Cortes, C. Burges, "The MNIST
# database of handwritten digits").
IMAGE_SIDE = 28
INK_SIDE = 20

# The ink's centre of mass, on both axes. As an index, 0 is the middle of the first pixel: measured on the training
# pictures, the mean index is 14.0. As a position, 0 is the picture's edge, so that the middle of the first pixel is 0.5.
CENTRE_INDEX = 14.0
CENTRE_POSITION = CENTRE_INDEX + 0.5

# Weights of red, green and blue in the lightness of a colour (ITU-R BT.601).
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
