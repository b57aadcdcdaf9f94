"""Scores of two sets of features: pure functions in float64 that do not depend on the order of the rows."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.evaluation.distances import kth_distances

MANIFOLD_NEIGHBOURS = 3  # k for precision and recall
DENSITY_NEIGHBOURS = 5  # k for density and coverage
KERNEL_SUBSETS = 100
KERNEL_SUBSET_SIZE = 1000


class Spread(NamedTuple):
    """Mean and standard deviation of a sample."""

    mean: float
    deviation: float


class Manifold(NamedTuple):
    """Overlap of two sets of features; all but density are in [0, 1].

    Attributes:
        precision: Share of generated images within the neighbourhood of a real image.
        recall: Share of real images within the neighbourhood of a generated image.
        density: Mean number of real images' neighbourhoods that contain a generated image, divided by k;
            about 1 for equal distributions, may exceed 1.
        coverage: Share of real images with a generated image in their neighbourhood.
    """

    precision: float
    recall: float
    density: float
    coverage: float


class _Given(nn.Module):
    """Stand-in for torchmetrics' feature network, which returns features that were already computed."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(real: Tensor, generated: Tensor) -> float:
    """Return the Fréchet distance of two normal distributions with the means and covariances of the features.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); 0 for equal distributions. Its bias decreases with the number
    of images, so compare only values for equal numbers.

    Args:
        real: (N, D), N >= 2; for N < D + 1 the covariance is singular and the distance unreliable.
        generated: (M, D), likewise.

    Source:
        Heusel et al. 2017, https://arxiv.org/abs/1706.08500.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    # Only one process computes scores; torchmetrics would try to exchange features with the others, which
    # wait.
    metric = FrechetInceptionDistance(_Given(real.shape[1]), sync_on_compute=False).to(real.device)
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return float(metric.compute())


def kernel_distance(
    real: Tensor, generated: Tensor, subsets: int = KERNEL_SUBSETS, subset_size: int = KERNEL_SUBSET_SIZE
) -> Spread:
    """Return the kernel distance (squared maximum mean discrepancy) over random subsets of the features.

    The kernel is (x.y / D + 1)^3. The estimate has no bias: equal distributions give values around 0, some of
    them negative.

    Args:
        real: (N, D).
        generated: (M, D).
        subsets: Number of subsets; their rows are always the same.
        subset_size: Rows of a subset; all rows if there are fewer.

    Source:
        Binkowski et al. 2018, https://arxiv.org/abs/1801.01401.
    """
    # Not torchmetrics' class, which draws its subsets from the global generator.
    from torchmetrics.image.kid import poly_mmd

    size = min(subset_size, len(real), len(generated))
    real, generated = real.double(), generated.double()
    generator = stream_generator(0, "scores")

    def subset(features: Tensor) -> Tensor:
        return features[torch.randperm(len(features), generator=generator)[:size].to(features.device)]

    values = torch.stack([poly_mmd(subset(real), subset(generated)) for _ in range(subsets)])
    return Spread(float(values.mean()), float(values.std(correction=0)))


def manifold_scores(real: Tensor, generated: Tensor, chunk: int = 250) -> Manifold:
    """Return precision, recall (k = 3), density and coverage (k = 5).

    The neighbourhood of an image is the open ball around it with the distance of its k-th nearest neighbour
    in the same set as radius.

    Args:
        real: (N, D), N > 5.
        generated: (M, D), M > 5.
        chunk: Rows at a time.

    Source:
        Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991; Naeem et al. 2020,
        https://arxiv.org/abs/2002.09797.
    """
    real, generated = real.double(), generated.double()
    neighbours = (MANIFOLD_NEIGHBOURS, DENSITY_NEIGHBOURS)
    real_near, real_far = kth_distances(real, neighbours, chunk)
    (generated_near,) = kth_distances(generated, neighbours[:1], chunk)

    inside = density = 0.0
    recalled = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    covered = torch.zeros_like(recalled)
    for rows, radii in zip(generated.split(chunk), generated_near.split(chunk), strict=True):
        distances = torch.cdist(rows, real)
        inside += int((distances < real_near).any(dim=1).sum())
        recalled |= (distances < radii[:, None]).any(dim=0)
        within = distances < real_far
        density += int(within.sum())
        covered |= within.any(dim=0)
    return Manifold(
        precision=inside / len(generated),
        recall=int(recalled.sum()) / len(real),
        density=density / (DENSITY_NEIGHBOURS * len(generated)),
        coverage=int(covered.sum()) / len(real),
    )


def divergence_from_uniform(shares: Tensor) -> float:
    """Return the Kullback-Leibler divergence of shares (K,), which sum to 1, from 1/K each, in nats.

    It is 0 if all classes are equally frequent, and log(K) if there is only one.
    """
    return float(torch.special.xlogy(shares.double(), shares.double() * len(shares)).sum())
