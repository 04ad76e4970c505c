"""Gradio interfaces around the functions that read a picture and predict pixels, which benchmarks/serving.py measures.

python benchmarks/peers/gradio_app.py PORT
"""

import base64
import io
import sys

import gradio
import numpy as np

sys.path.insert(0, __file__.rsplit('/', 3)[0])
from mnist_graph.base import tensorflow
from mnist_graph.models import pretrained, saved_model
from mnist_graph.pictures import stream

tensorflow.import_tensorflow()
network, sess = saved_model.load(pretrained.FOLDER, n_threads=2).members[0]


def probabilities(X):
    return sess.run(network.probabilities, {network.X: X, network.keep_prob: 1.0})


def score(images):
    return probabilities(images.reshape(len(images), -1))


def predict(instances):
    """The probabilities of rows of 784 pixels, both as JSON."""
    return probabilities(np.array(instances, np.float32)).tolist()


def read(encoded):
    """The digits of a picture in base64: sent as text, as uploading a file takes Gradio one more request."""
    page = stream.read_page(io.BytesIO(base64.b64decode(encoded)), score)
    return '/'.join(''.join(str(int(digit.scores[:10].argmax())) for digit in row) for row in page.rows)


if __name__ == '__main__':
    interfaces = [
        gradio.Interface(read, 'text', 'text', api_name='read'),
        gradio.Interface(predict, gradio.JSON(), gradio.JSON(), api_name='predict'),
    ]
    tabs = gradio.TabbedInterface(interfaces)
    tabs.queue(default_concurrency_limit=64).launch(server_port=int(sys.argv[1]), quiet=True)
