"""The exported graph reads as the model does: all that a recipe may turn on, several models, views, any input."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers.small_model import digits_model, picture
from mnist_graph.exports import decoding, inference_graph
from mnist_graph.exports.pixels import Pixels
from mnist_graph.models import constants, saved_model

EVERYTHING = dict(
    model='cnn',
    filters=(2, 3, 2),
    hidden_units=(8,),
    batch_norm=True,
    standardize=True,
    deskew=True,
    ema_decay=0.9,
    dropout=0.3,
)


def batch(n=7):
    return np.random.default_rng(3).integers(0, 256, (n, 28, 28, 1), np.uint8)


def built(models, pixels=Pixels(), n_views=1, with_texts=False):
    """(the InferenceGraph, the SavedModel's probabilities of `batch()`)."""
    found = saved_model.find([small.model for small in models])
    members = [
        constants.fold_batch_norm(constants.load(described, saved))
        for described, saved in zip(found.descriptions, found.checkpoints)
    ]
    with saved_model.rebuild(found, n_views=n_views) as model:
        expected = model.probabilities(batch())
    described = found.descriptions[0]
    return inference_graph.build(members, described.class_names, True, pixels, n_views, with_texts), expected


def run(tf, made, fetches, feeds):
    with tf.Session(graph=made.graph) as sess:
        return sess.run(fetches, feeds)


@pytest.mark.parametrize('shape', ['flat', 'image'])
@pytest.mark.parametrize('dtype', ['float32', 'uint8'])
def test_pixels_of_any_kind(tf, dtype, shape):
    pixels = Pixels(dtype, shape)
    made, expected = built([digits_model()], pixels)
    assert made.pixels.op.name == f'pixels_{dtype}' and made.pixels.dtype.name == dtype
    assert made.pixels.shape.as_list() == ([None, 784] if shape == 'flat' else [None, 28, 28, 1])
    probabilities, index = run(tf, made, made.outputs[:2], {made.pixels: pixels.of(batch())})
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    np.testing.assert_array_equal(index, expected.argmax(axis=1))


def test_all_that_a_recipe_turns_on(tf):
    made, expected = built([digits_model(**EVERYTHING)])
    assert not [node for node in made.graph.as_graph_def().node if 'Variable' in node.op or node.op == 'VarHandleOp']
    got = run(tf, made, made.outputs.probabilities, {made.pixels: Pixels().of(batch())})
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_models_and_views_are_averaged(tf):
    made, expected = built([digits_model(), digits_model(seed=1)], n_views=3)
    got = run(tf, made, made.outputs.probabilities, {made.pixels: Pixels().of(batch())})
    np.testing.assert_allclose(got, expected, atol=1e-5)
    one, _ = built([digits_model()])
    alone = run(tf, one, one.outputs.probabilities, {one.pixels: Pixels().of(batch())})
    assert np.abs(got - alone).max() > 1e-3


def test_no_pictures_are_no_answers(tf):
    made, _ = built([digits_model()], n_views=2)
    got = run(tf, made, made.outputs.probabilities, {made.pixels: Pixels().of(batch()[:0])})
    assert got.shape == (0, 3)


def test_batch_norm_is_part_of_the_weights():
    """Of one unit by hand: (2x - 3) / sqrt(4 + EPSILON) + 5."""
    from mnist_graph.base.inputs import InputSpec
    from mnist_graph.hparams import HParams
    from mnist_graph.network import batch_norm
    from mnist_graph.network.model import Model

    moments = {'w1': batch_norm.Moments(np.float32([3]), np.float32([4]))}
    weights = {'w1': np.float32([[2]]), 'out': np.float32([[1]])}
    biases = {'b1': np.float32([5]), 'out': np.float32([0])}
    model = Model(HParams(hidden_units=(1,), batch_norm=True), InputSpec(1, 1, 1, 1), weights, biases, moments)
    folded = constants.fold_batch_norm(model)
    scale = 1 / np.sqrt(4 + batch_norm.EPSILON)
    assert folded.moments == {} and folded.weights['w1'][0, 0] == pytest.approx(2 * scale)
    assert folded.biases['b1'][0] == pytest.approx(5 - 3 * scale) and folded.biases['out'] == [0]
    assert weights['w1'] == [[2]]


# Picture files.


def content(image, format='PNG', **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def test_picture_files_are_read(tf):
    """Dark on light and light on dark, grey, in colour and transparent, of any size, PNG and JPEG; a blank one, too."""
    made, _ = built([digits_model()], with_texts=True)
    light = picture(2).point(lambda grey: 255 - grey)
    transparent = Image.merge('LA', [Image.new('L', light.size, 0), light])
    files = [
        content(picture(1)),
        content(picture(2), 'JPEG', quality=80),
        content(light),
        content(picture(0, side=60, left=40, top=30).convert('RGB'), 'JPEG'),
        content(transparent),
        content(picture(1).convert('RGBA').resize((300, 300))),
        content(Image.new('L', (5, 9), 200)),
    ]
    names, probabilities = run(
        tf, made, [made.outputs_of_bytes.class_name, made.outputs_of_bytes.probabilities], {made.image_bytes: files}
    )
    assert [name.decode() for name in names[:-1]] == ['1', '2', '2', '0', '2', '1']
    assert np.isfinite(probabilities).all()


def test_a_digit_in_the_graph_is_like_one_of_predict(tf):
    from mnist_graph.pictures import extract

    drawn = picture(2, side=70, left=30, top=10)
    with tf.Graph().as_default(), tf.Session() as sess:
        ours = sess.run(decoding.digit(tf.constant(np.asarray(drawn) / np.float32(255))))
    theirs = extract.picture_to_digit(drawn)
    rows, columns = np.nonzero(ours > 0.5)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20, 21) and ours.max() == 1 and ours.min() >= 0
    centre = (ours * np.arange(28)[:, None]).sum() / ours.sum(), (ours * np.arange(28)).sum() / ours.sum()
    np.testing.assert_allclose(centre, 14, atol=0.3)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9
