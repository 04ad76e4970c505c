"""A Gradio interface around the function that reads a picture, which benchmarks/serving.py measures.

python benchmarks/peers/gradio_app.py PORT
"""

import base64
import io
import sys

import gradio

sys.path.insert(0, __file__.rsplit('/', 3)[0])
from mnist_graph.base import tensorflow
from mnist_graph.models import pretrained, saved_model
from mnist_graph.pictures import stream

tensorflow.import_tensorflow()
network, sess = saved_model.load(pretrained.FOLDER, n_threads=2).members[0]


def score(images):
    return sess.run(network.probabilities, {network.X: images.reshape(len(images), -1), network.keep_prob: 1.0})


def read(encoded):
    """The digits of a picture in base64: sent as text, as uploading a file takes Gradio one more request."""
    page = stream.read_page(io.BytesIO(base64.b64decode(encoded)), score)
    return '/'.join(''.join(str(int(digit.scores[:10].argmax())) for digit in row) for row in page.rows)


if __name__ == '__main__':
    interface = gradio.Interface(read, 'text', 'text', api_name='read')
    interface.queue(default_concurrency_limit=64).launch(server_port=int(sys.argv[1]), quiet=True)
