"""What is compared with Keras, how, and how closely; shared by the test and the report."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from parity_record import LEARNING_RATE
from parity_weights import SHAPES, STEPS

Record = Mapping[str, np.ndarray]
Measure = Callable[[np.ndarray, np.ndarray], float]


def absolute(ours: np.ndarray, keras: np.ndarray) -> float:
    """Return the largest difference."""
    return float(np.abs(ours.astype(np.float64) - keras).max())


def relative(ours: np.ndarray, keras: np.ndarray) -> float:
    """Return the largest difference over the largest absolute value."""
    return absolute(ours, keras) / float(np.abs(keras).max())


def relative_l2(ours: np.ndarray, keras: np.ndarray) -> float:
    """Return the norm of the differences over the norm of the values."""
    return float(np.linalg.norm(ours.astype(np.float64) - keras) / np.linalg.norm(keras.astype(np.float64)))


def relative_checksums(ours: np.ndarray, keras: np.ndarray) -> float:
    """Compare two `checksums`: sum and absolute sum over the absolute sum, L2 norm over itself."""
    return float((np.abs(ours - keras) / keras[[1, 1, 2]]).max())


class Check(NamedTuple):
    """One kind of comparison.

    Attributes:
        kind: In words.
        names: Regular expression for the names in the record.
        measure: Of one array against Keras'.
        tolerance: Largest value allowed for any of the arrays.
    """

    kind: str
    names: str
    measure: Measure
    tolerance: float


# Steps 2 and 3 start from weights that differ by float noise. A leaky rectifier whose input is that close to
# 0 then may take the other slope, which changes a few gradients by more than noise; hence the L2 norm.
CHECKS = (
    Check("inputs and first weights: checksums", "inputs/.*", relative_checksums, 1e-12),
    Check("outputs, inference mode", "inference/output/.*", absolute, 1e-5),
    Check("outputs, training mode", "step1/output/.*", absolute, 1e-5),
    Check("outputs, training mode, steps 2 and 3", "step[23]/output/.*", absolute, 1e-4),
    Check("losses", "step1/loss/.*", absolute, 1e-6),
    Check("losses, steps 2 and 3", "step[23]/loss/.*", absolute, 1e-5),
    Check("losses at logits of +-10,000", "extreme/.*", relative, 1e-6),
    Check("accuracies, all steps", "step./accuracy/.*", absolute, 0.0),
    Check("accuracies around the threshold", "threshold/.*", absolute, 0.0),
    Check("gradients, largest relative", "step1/gradient/.*", relative, 1e-4),
    Check("gradients, relative L2", "step1/gradient/.*", relative_l2, 1e-4),
    Check("gradients, checksums", "checksums/step1/gradient/.*", relative_checksums, 1e-5),
    Check("gradients, relative L2, steps 2 and 3", "step[23]/gradient/.*", relative_l2, 2e-3),
    Check("gradients, checksums, steps 2 and 3", "checksums/step[23]/gradient/.*", relative_checksums, 2e-4),
    Check("moving means", "step./statistics/.*/moving_mean", absolute, 1e-6),
    Check("moving means, checksums", "checksums/.*/moving_mean", relative_checksums, 1e-6),
    Check("moving variances", "step./statistics/.*/moving_variance", absolute, 1e-6),
    Check("moving variances, checksums", "checksums/.*/moving_variance", relative_checksums, 1e-6),
    Check("weights after three steps", "trained/.*", absolute, 1e-5),
    Check("weights after three steps, checksums", "checksums/trained/.*", relative_checksums, 1e-6),
)


def deviations(check: Check, ours: Record, golden: Record) -> dict[str, float]:
    """Return the check's measure for every array of the golden record that it names."""
    return {
        name: check.measure(ours[name], golden[name]) for name in golden if re.fullmatch(check.names, name)
    }


# Adam's two epsilons: Keras adds 1e-7 before the bias correction, so its epsilon in PyTorch's form is
# 3.2e-6, 2.2e-6 and 1.8e-6 in the first three steps, and PyTorch's 1e-7. An update then differs by at most
# lr * epsilon / |gradient|. Where all |gradients| exceed LARGE_GRADIENT, that is 7e-6 in three steps. The
# small gradients elsewhere move other weights, so that the next gradients differ by some per cent; where by
# less than SAME_GRADIENT of themselves, Adam got the same in both and is compared on its own.
LARGE_GRADIENT = 1e-4
SAME_GRADIENT = 0.05
# |corrected mean| / sqrt(corrected mean square) is at most 1, 1.0014 and 1.0038 in the first three steps
# (Cauchy-Schwarz), on both sides; the rest is for float32.
HARD_BOUND = 2 * 3.006 * LEARNING_RATE + 1e-6


class AdamAgreement(NamedTuple):
    """How close PyTorch's own Adam comes to Keras' in three steps.

    Shares are of all parameters, estimated at the stored positions.

    Attributes:
        large: Share with every |gradient| above LARGE_GRADIENT.
        large_within: Share of these that end within 1e-5.
        conditioned: Share with these gradients also the same on both sides, within SAME_GRADIENT.
        conditioned_deviation: Largest difference of the weights there.
        deviation: Largest difference of any weight.
    """

    large: float
    large_within: float
    conditioned: float
    conditioned_deviation: float
    deviation: float


def adam_agreement(ours: Record, golden: Record) -> AdamAgreement:
    """Compare the weights after three steps of PyTorch's own Adam with Keras'."""
    names = [name for name in SHAPES if f"trained/{name}" in golden]

    def gradients(record: Record, name: str) -> np.ndarray:
        return np.stack([record[f"step{step}/gradient/{name}"] for step in range(1, STEPS + 1)])

    def share(chosen: Mapping[str, np.ndarray]) -> float:
        sizes = {name: int(np.prod(SHAPES[name])) for name in names}
        return float(sum(chosen[name].mean() * sizes[name] for name in names) / sum(sizes.values()))

    difference, large, conditioned = {}, {}, {}
    for name in names:
        keras = np.abs(gradients(golden, name))
        change = np.abs(gradients(ours, name) - gradients(golden, name))
        difference[name] = np.abs(ours[f"trained/{name}"].astype(np.float64) - golden[f"trained/{name}"])
        large[name] = (keras > LARGE_GRADIENT).all(axis=0)
        conditioned[name] = large[name] & (change <= SAME_GRADIENT * keras).all(axis=0)
    return AdamAgreement(
        large=share(large),
        large_within=share({name: large[name] & (difference[name] <= 1e-5) for name in names}) / share(large),
        conditioned=share(conditioned),
        conditioned_deviation=max(float(difference[n][conditioned[n]].max(initial=0)) for n in names),
        deviation=max(float(difference[name].max()) for name in names),
    )
