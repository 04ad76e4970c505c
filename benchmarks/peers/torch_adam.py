"""The benchmark's network in PyTorch: eager, eager with fused Adam, or torch.compile.

The digits lie in memory as two tensors and a batch is one `index_select`-like
lookup, which is faster than a DataLoader for data this small.

    python benchmarks/peers/torch_adam.py --data_dir=mnist --variant=fused
"""

import torch
from common import DROPOUT_RATE, NUM_CLASSES, Outcome, run_peer, timed
from torch import nn
from torch.nn import functional


def build_network(num_pixels, hidden_units):
    """Returns the perceptron; its output is the logits, float32 [batch, 10]."""
    layers, width_in = [], num_pixels
    for width in hidden_units:
        layers += [nn.Linear(width_in, width), nn.ReLU()]
        width_in = width
    return nn.Sequential(*layers, nn.Dropout(DROPOUT_RATE), nn.Linear(width_in, NUM_CLASSES))


def index_batches(count, batch_size, steps):
    """Yields `steps` int64 [batch_size] index tensors, a fresh permutation for each pass."""
    taken = 0
    while True:
        for indices in torch.randperm(count).split(batch_size):
            if taken == steps:
                return
            if len(indices) == batch_size:
                yield indices
                taken += 1


def train(digits, settings):
    """Trains as `settings.variant` says: eager, fused or compile."""
    torch.manual_seed(settings.seed)
    images, labels = torch.from_numpy(digits.train_images), torch.from_numpy(digits.train_labels)
    network = build_network(images.shape[1], settings.hidden_units)
    fused = settings.variant != 'eager'
    # fused=None leaves PyTorch's own choice, which is the plain loop over tensors on a CPU.
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, fused=fused or None)

    def loss_of(pixels, targets):
        return functional.cross_entropy(network(pixels), targets)

    if settings.variant == 'compile':
        loss_of = torch.compile(loss_of)

    def run(steps):
        for indices in index_batches(len(images), settings.batch_size, steps):
            loss = loss_of(images[indices], labels[indices])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return loss.item()

    network.train()
    run(settings.warmup)
    _, seconds = timed(run, settings.steps)

    network.eval()
    with torch.inference_mode():
        guesses = network(torch.from_numpy(digits.test_images)).argmax(1).numpy()
    accuracy = float((guesses == digits.test_labels).mean())
    return Outcome(f'torch_{settings.variant}', seconds, accuracy, f'torch {torch.__version__}')


if __name__ == '__main__':
    run_peer(train, ['eager', 'fused', 'compile'], __doc__)
