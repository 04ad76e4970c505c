"""How well pictures are read that are not MNIST's: drawn, photographed, printed, pasted on noisy canvases.

    python benchmarks/pictures.py --model_dir=RUN --pictures_dir=FOLDER --data_dir=MNIST

Four tables, each with the network's accuracy after our preprocessing:

1. a folder of pictures whose names begin with their label (`7_03.png`), beside the naive way: grey, resized to
   28x28, inverted;
2. MNIST's digits at random places and sizes (30 to 180 pixels) on 200x200 canvases, with either polarity,
   gradient light, noise and JPEG compression, beside the clean images;
3. MNIST's images written as PNG files and read back, beside the arrays themselves;
4. pictures prepared per second on one core.

Exits 1 if --check is given and a goal of the project is missed.
"""

import argparse
import io
import os
import tempfile
import time

import measure
import numpy as np
from PIL import Image

from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import extract

CANVAS_SIDE = 200
DIGIT_SIDES = (30, 180)


def naive_digit(path):
    """float32 [28, 28] in [0, 1]: what many tutorials do to a picture, grey, resized and inverted."""
    return 1 - np.asarray(Image.open(path).convert('L').resize((28, 28)), np.float32) / 255


def paste(image, random):
    """A picture of one of MNIST's images as it might come from a camera.

    Args:
      image: uint8 [28, 28], bright ink on black.
      random: numpy.random.Generator.

    Returns:
      A PIL image of mode L, 200x200.
    """
    side = int(random.integers(DIGIT_SIDES[0], DIGIT_SIDES[1] + 1))
    share = np.zeros((CANVAS_SIDE, CANVAS_SIDE))
    top, left = random.integers(0, CANVAS_SIDE - side + 1, 2)
    large = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    share[top : top + side, left : left + side] = np.asarray(large) / 255
    paper, ink = random.uniform(0.75, 1), random.uniform(0, 0.3)
    if random.random() < 0.5:
        paper, ink = 1 - paper, 1 - ink
    across = np.linspace(-1, 1, CANVAS_SIDE)
    angle = random.uniform(0, 2 * np.pi)
    light = (np.cos(angle) * across + np.sin(angle) * across[:, None]) / 2**0.5
    shade = paper + (ink - paper) * share + random.uniform(0, 0.2) * light
    shade += random.normal(0, random.uniform(0, 0.08), shade.shape)
    canvas = Image.fromarray(np.uint8(255 * shade.clip(0, 1)))
    file = io.BytesIO()
    canvas.save(file, 'JPEG', quality=int(random.integers(30, 96)))
    return Image.open(io.BytesIO(file.getvalue()))


def prepare(sources, how=extract.picture_to_digit):
    """float32 [n, 28, 28]: each source made a digit; black for one that cannot be."""
    digits = []
    for source in sources:
        try:
            digits.append(how(source))
        except ImageError as error:
            print(f'  {error}')
            digits.append(np.zeros((28, 28), np.float32))
    return np.stack(digits)


def accuracy(classifier, digits, labels):
    """Percent of float32 [n, 28, 28] whose likeliest class is the label."""
    return 100 * float((classifier(digits).argmax(axis=1) == labels).mean())


def folder_accuracies(classifier, folder):
    """(naive, ours, number of pictures) for a folder; prints each picture that is misread."""
    paths = extract.list_pictures(folder)
    labels = np.array([int(os.path.basename(path)[0]) for path in paths])
    digits = prepare(paths)
    read = classifier(digits).argmax(axis=1)
    for path, label, answer in zip(paths, labels, read):
        if answer != label:
            print(f'  {os.path.basename(path)} is read as {answer}')
    ours = 100 * float((read == labels).mean())
    return accuracy(classifier, prepare(paths, naive_digit), labels), ours, len(paths)


def round_trip(test_images):
    """float32 [n, 28, 28] of uint8 images written as PNG files and prepared again."""
    with tempfile.TemporaryDirectory() as folder:
        for number, image in enumerate(test_images):
            Image.fromarray(image).save(os.path.join(folder, f'{number:05}.png'))
        return prepare(extract.list_pictures(folder))


def speeds(test_images, folder=None):
    """[(what, pictures per second of this process's CPU time)]: the best of five rounds.

    Over 100 pictures of each kind, from files in memory, and over those of the folder.
    """
    random = np.random.default_rng(2)
    some = test_images[:100]
    pasted = [paste(image, random) for image in some]
    kinds = {
        'MNIST 28x28': [Image.fromarray(image) for image in some],
        'drawn 28x28': [Image.fromarray(np.roll(255 - image, 2, axis=0)) for image in some],
        'drawn 280x280': [Image.fromarray(255 - image).resize((280, 280), Image.Resampling.BILINEAR) for image in some],
        'photo 200x200': pasted,
        'colour photo 200x200': [image.convert('RGB') for image in pasted],
    }
    kinds = {kind: [_as_file(picture) for picture in pictures] for kind, pictures in kinds.items()}
    if folder:
        kinds = {"the folder's pictures": list(map(_read, extract.list_pictures(folder))), **kinds}
    result = []
    for kind, files in kinds.items():
        times = []
        for _ in range(5):
            start = time.process_time()
            for file in files:
                file.seek(0)
                extract.picture_to_digit(Image.open(file))
            times.append(time.process_time() - start)
        result.append((kind, len(files) / min(times)))
    return result


def _read(path):
    with open(path, 'rb') as file:
        return io.BytesIO(file.read())


def _as_file(picture):
    file = io.BytesIO()
    picture.save(file, 'PNG')
    return file


def package_classifier(model_dirs):
    """float32 [n, 28, 28] to probabilities [n, 10], by trained runs of this package."""
    from mnist_graph.base import tensorflow
    from mnist_graph.models import saved_model

    tensorflow.import_tensorflow()
    model = saved_model.load(model_dirs)
    return lambda digits: model.probabilities(np.asarray(digits, np.float32)[..., np.newaxis])


def keras_classifier(path):
    """The same, by a Keras model of 28x28 images in [0, 1] that ends in a softmax."""
    import tensorflow as tf

    model = tf.keras.models.load_model(path)
    return lambda digits: model.predict(digits, batch_size=500, verbose=0)


def main():
    """Prints the four tables; returns 1 if --check is given and a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model_dir', action='append', help='a trained run; may be repeated; default: the newest')
    parser.add_argument('--keras_model', help='a Keras model to use in place of a run')
    parser.add_argument('--pictures_dir', default=os.environ.get('MNIST_PICTURES_DIR'))
    parser.add_argument('--data_dir', help='where MNIST is')
    parser.add_argument('--split', choices=['test', 'validation'], default='test', help="which of MNIST's digits")
    parser.add_argument('--n_digits', type=int, default=10000, help='how many of them, at most')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--check', action='store_true', help='exit 1 if a goal is missed')
    options = parser.parse_args()
    from mnist_graph import data

    classifier = keras_classifier(options.keras_model) if options.keras_model else package_classifier(options.model_dir)
    split = getattr(data.load('mnist', options.data_dir), options.split)[: options.n_digits]
    originals, labels = split.images[:, :, :, 0], split.labels
    goals = []
    if options.pictures_dir:
        naive, ours, n = folder_accuracies(classifier, options.pictures_dir)
        print(f'{n} pictures: naive {naive:.2f}%, ours {ours:.2f}%')
        goals.append(ours >= 97)
    clean = accuracy(classifier, originals / np.float32(255), labels)
    random = np.random.default_rng(options.seed)
    pasted = accuracy(classifier, prepare(paste(image, random) for image in originals), labels)
    print(
        f'{len(labels)} {options.split} digits: clean {clean:.2f}%, pasted on canvases {pasted:.2f}% ({pasted - clean:+.2f})'
    )
    again = accuracy(classifier, round_trip(originals), labels)
    print(f'{len(labels)} {options.split} digits: through PNG files {again:.2f}% ({again - clean:+.2f})')
    for kind, rate in speeds(originals, options.pictures_dir):
        print(f'{kind}: {rate:.0f} pictures/s on one core')
    goals += [pasted >= clean - 1.5, abs(again - clean) <= 0.1]
    return 1 if options.check and not all(goals) else 0


if __name__ == '__main__':
    measure.run_main(main)
