"""A recipe of flags/ in PyTorch: eager, or with its forward and backward pass compiled.

python benchmarks/peers/torch_recipe.py --recipe=fast_99 --data_dir=mnist --variant=compile
"""

import numpy as np
import recipe
import torch
from torch.nn import functional


class Network(torch.nn.Module):
    """The recipe's layers; maps standardized pictures float32 [batch, 784] to logits [batch, 10]."""

    def __init__(self, hparams):
        super().__init__()
        generator = np.random.default_rng(hparams.seed)
        self.names = list(recipe.weight_shapes(hparams))
        first_bias = recipe.FIRST_BIASES[hparams.initializer]
        self.weights, self.biases = torch.nn.ParameterDict(), torch.nn.ParameterDict()
        for name, shape in recipe.weight_shapes(hparams).items():
            weight = torch.from_numpy(recipe.first_weights(hparams, shape, generator))
            # PyTorch has the units first, and a filter's height and width last.
            weight = weight.permute(3, 2, 0, 1) if weight.ndim == 4 else weight.T
            self.weights[name] = torch.nn.Parameter(weight.contiguous())
            self.biases[name] = torch.nn.Parameter(torch.full(shape[-1:], first_bias))
            if name != 'out' and hparams.batch_norm:
                self.register_buffer(f'{name}_mean', torch.zeros(shape[-1]))
                self.register_buffer(f'{name}_variance', torch.ones(shape[-1]))
        self.normalizes = hparams.batch_norm
        self.register_buffer('moments_take', torch.zeros(()))  # what the moving averages take from this step's batch

    def activate(self, layer, name):
        """Batch normalization, bias and ReLU."""
        if not self.normalizes:
            shape = [1, -1, 1, 1] if layer.ndim == 4 else [1, -1]
            return functional.relu(layer + self.biases[name].reshape(shape))
        mean, variance = (getattr(self, f'{name}_{moment}') for moment in ('mean', 'variance'))
        ones, epsilon = torch.ones_like(variance), recipe.BATCH_NORM_EPSILON
        if not self.training:
            normalized = functional.batch_norm(layer, mean, variance, ones, self.biases[name], eps=epsilon)
            return functional.relu(normalized)
        # functional.batch_norm lets the moving averages move by the same fraction at every step.
        normalized, batch_mean, batch_rsqrt = torch.native_batch_norm(
            layer, ones, self.biases[name], None, None, True, 0.0, epsilon
        )
        with torch.no_grad():
            mean.lerp_(batch_mean, self.moments_take)
            variance.lerp_(batch_rsqrt**-2 - epsilon, self.moments_take)
        return functional.relu(normalized)

    def forward(self, layer):
        for name in self.names[:-1]:
            if not name.startswith('conv'):
                layer = self.activate(functional.linear(layer.flatten(1), self.weights[name]), name)
                continue
            if name == 'conv1':
                layer = functional.conv2d(layer.reshape(-1, 1, recipe.SIDE, recipe.SIDE), self.weights[name])
            else:
                layer = functional.conv2d(layer, self.weights[name], padding='same')
            layer = self.activate(layer if name == 'conv2' else functional.max_pool2d(layer, 2), name)
        return functional.linear(layer.flatten(1), self.weights['out'], self.biases['out'])


def distort(pictures, coefficients, basis):
    """Looks every pixel up at the point that the coefficients say, by bilinear interpolation."""
    points = coefficients @ basis  # offsets in pixels from the middle: rows, then columns
    grid = points.flip(1).permute(0, 2, 1) / ((recipe.SIDE - 1) / 2)
    pictures = pictures.reshape(-1, 1, recipe.SIDE, recipe.SIDE)
    grid = grid.reshape(-1, recipe.SIDE, recipe.SIDE, 2)
    return functional.grid_sample(pictures, grid, padding_mode='border', align_corners=True).flatten(1)


def train(job):
    """Returns the trained network, with the averages of its weights if the recipe has them."""
    hparams = job.hparams
    images = torch.from_numpy(job.digits.train_images)
    labels = torch.from_numpy(recipe.smoothed(job.digits.train_labels, hparams.label_smoothing))
    network, basis = Network(hparams), torch.from_numpy(recipe.basis())
    parameters = list(network.parameters())
    averages = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.Adam(parameters, fused=True)
    keeps = recipe.average_keeps(hparams.ema_decay, job.n_steps)
    moments_keep = recipe.average_keeps(recipe.BATCH_NORM_DECAY, job.n_steps)

    def loss_of(pictures, targets, coefficients):
        if coefficients is not None:
            pictures = distort(pictures, coefficients, basis)
        return functional.cross_entropy(network(pictures), targets)

    if job.variant == 'compile':
        loss_of = torch.compile(loss_of)
    for step, (rate, (rows, coefficients)) in enumerate(zip(recipe.learning_rates(job), recipe.batches(job))):
        optimizer.param_groups[0]['lr'] = float(rate)
        network.moments_take.fill_(float(1 - moments_keep[step]))
        rows = torch.from_numpy(rows)
        coefficients = None if coefficients is None else torch.from_numpy(coefficients)
        optimizer.zero_grad(set_to_none=True)
        loss_of(images[rows], labels[rows], coefficients).backward()
        optimizer.step()
        if hparams.ema_decay:
            with torch.no_grad():
                torch._foreach_lerp_(averages, parameters, float(1 - keeps[step]))
    if hparams.ema_decay:
        with torch.no_grad():
            for parameter, average in zip(parameters, averages):
                parameter.copy_(average)
    return network


def main():
    """Trains the recipe and prints its test accuracy as one line of JSON."""
    job = recipe.read_job(('eager', 'compile'), __doc__)
    torch.manual_seed(job.hparams.seed)
    network, basis = train(job).eval(), torch.from_numpy(recipe.basis())

    @torch.inference_mode()
    def logits_of(pictures, coefficients):
        pictures = torch.from_numpy(pictures)
        if coefficients is not None:
            pictures = distort(pictures, torch.from_numpy(coefficients), basis)
        return network(pictures).numpy()

    guesses = recipe.guess(job, logits_of)
    recipe.report(f'torch_{job.variant}', job, guesses, f'torch {torch.__version__}')


if __name__ == '__main__':
    main()
