"""The benchmark's network with scikit-learn's MLPClassifier, which has no dropout.

So it does a little less work per step than the others, and its accuracy after
few steps is if anything higher.

    python benchmarks/peers/sklearn_mlp.py --data_dir=mnist
"""

import numpy as np
import sklearn
from common import Outcome, run_peer, timed
from sklearn.neural_network import MLPClassifier


def train(digits, settings):
    """Trains with `partial_fit`, one call a pass, each shuffled by the classifier."""
    images, labels = digits.train_images, digits.train_labels
    network = MLPClassifier(
        settings.hidden_units,
        alpha=0.0,  # no weight penalty: the other peers have none
        batch_size=settings.batch_size,
        learning_rate_init=settings.learning_rate,
        random_state=settings.seed,
    )

    def run(steps):
        per_pass = len(images) // settings.batch_size
        while steps:
            taken = min(steps, per_pass)
            rows = taken * settings.batch_size
            network.partial_fit(images[:rows], labels[:rows], classes=np.arange(10))
            steps -= taken

    run(settings.warmup)
    _, seconds = timed(run, settings.steps)
    accuracy = float(network.score(digits.test_images, digits.test_labels))
    versions = f'scikit-learn {sklearn.__version__}'
    return Outcome('sklearn_no_dropout', seconds, accuracy, versions)


if __name__ == '__main__':
    run_peer(train, ['default'], __doc__)
