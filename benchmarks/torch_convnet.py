"""PyTorch's own example for MNIST (pytorch/examples, "mnist"), written anew.

Two convolutions, max-pooling, dropout, a hidden layer of 128, Adadelta whose rate falls
to 0.7 of itself after each of 14 passes over the 60,000 digits, in batches of 64.
Where the example reads and normalizes picture after picture through a DataLoader, the
digits here lie ready in one tensor, which is faster.

    python benchmarks/torch_convnet.py --data_dir=mnist --seed=0
"""

import torch
from peers.common import load_digits, parse_example, print_json
from torch import nn
from torch.nn import functional

BATCH_SIZE = 64
EPOCHS = 14
PIXEL_MEAN, PIXEL_DEVIATION = 0.1307, 0.3081
RATE, RATE_FACTOR = 1.0, 0.7


def build_network():
    """Images float32 [batch, 1, 28, 28] to logits [batch, 10]."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


def to_images(pixels):
    """float32 [n, 784] in [0, 1] to normalized images."""
    return (torch.from_numpy(pixels).reshape(-1, 1, 28, 28) - PIXEL_MEAN) / PIXEL_DEVIATION


def test_accuracy(network, digits):
    """The fraction of the test digits that are read right."""
    network.eval()
    with torch.inference_mode():
        guesses = torch.cat([network(images).argmax(1) for images in to_images(digits.test_images).split(1000)])
    return float((guesses.numpy() == digits.test_labels).mean())


def main():
    """Trains it, tests it after each pass as the example does, and ends with one line of JSON."""
    arguments = parse_example(__doc__, EPOCHS)
    torch.manual_seed(arguments.seed)
    digits = load_digits(arguments.data_dir)
    images, labels = to_images(digits.train_images), torch.from_numpy(digits.train_labels)
    network = build_network()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=RATE)
    for epoch in range(arguments.epochs):
        network.train()
        for rows in torch.randperm(len(images)).split(BATCH_SIZE):
            optimizer.zero_grad()
            functional.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimizer.step()
        for group in optimizer.param_groups:
            group['lr'] *= RATE_FACTOR
        accuracy = test_accuracy(network, digits)
        print(f'Epoch {epoch + 1}: test accuracy {accuracy:.4f}', flush=True)
    print_json(name='torch_convnet', seed=arguments.seed, test_accuracy=round(accuracy, 4))


if __name__ == '__main__':
    main()
