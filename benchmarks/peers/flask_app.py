"""A plain Flask app around Session.run, which benchmarks/serving.py measures: POST /read and POST /predict.

    python benchmarks/peers/flask_app.py PORT

It reads with the same model and the same function as the package's own server.
"""

import io
import sys

import numpy as np
from flask import Flask, request

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


app = Flask(__name__)


@app.post('/predict')
def predict():
    return {'predictions': probabilities(np.array(request.get_json()['instances'], np.float32)).tolist()}


@app.post('/read')
def read():
    page = stream.read_page(io.BytesIO(request.get_data()), score)
    return {'rows': [[digit.scores.tolist() for digit in row] for row in page.rows]}


if __name__ == '__main__':
    app.run(port=int(sys.argv[1]), threaded=True)
