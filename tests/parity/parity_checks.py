"""What is compared with Keras, how, and how closely; shared by the test and the report."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from parity_record import LEARNING_RATE
from parity_weights import SHAPES, STEPS

Record = Mapping[str, np.ndarray]
Measure = Callable[[np.ndarray, np.ndarray], float]

GRADIENT_FLOOR = 1e-3  # the one entry of dense_1/bias is a difference of two means and can come close to 0


def absolute(ours: np.ndarray, keras: np.ndarray) -> float:
    """Return the largest difference."""
    return float(np.abs(ours.astype(np.float64) - keras).max())


def relative(ours: np.ndarray, keras: np.ndarray) -> float:
    """Return the largest difference over the largest absolute value."""
    return absolute(ours, keras) / float(np.abs(keras).max())


def relative_gradient(ours: np.ndarray, keras: np.ndarray) -> float:
    """Return the largest difference over the largest absolute value, at least GRADIENT_FLOOR."""
    return absolute(ours, keras) / max(float(np.abs(keras).max()), GRADIENT_FLOOR)


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


# Everything in float64, where no leaky rectifier has an input so close to 0 that noise decides its slope.
CHECKS = (
    Check("inputs and first weights: checksums", "inputs/.*", relative_checksums, 1e-12),
    Check("outputs, inference mode", "inference/output/.*", absolute, 1e-12),
    Check("outputs, training mode", "step./output/.*", absolute, 1e-12),
    Check("losses", "step./loss/.*", absolute, 1e-12),
    Check("losses at logits of +-10,000", "extreme/.*", relative, 1e-12),
    Check("accuracies", "step./accuracy/.*", absolute, 0.0),
    Check("accuracies around the threshold", "threshold/.*", absolute, 0.0),
    Check("gradients", "step./gradient/.*", relative_gradient, 1e-10),
    Check("gradients, checksums", "checksums/step./gradient/.*", relative_checksums, 1e-12),
    Check("moving means", "step./statistics/.*/moving_mean", absolute, 1e-12),
    Check("moving means, checksums", "checksums/.*/moving_mean", relative_checksums, 1e-12),
    Check("moving variances", "step./statistics/.*/moving_variance", absolute, 1e-12),
    Check("moving variances, checksums", "checksums/.*/moving_variance", relative_checksums, 1e-12),
    Check("weights after three steps", "trained/.*", absolute, 1e-12),
    Check("weights after three steps, checksums", "checksums/trained/.*", relative_checksums, 1e-12),
)
# Our networks in float32, the precision of a training, against the same float64 values of Keras. Only what
# noise moves a little: a slope or an accuracy that it decides would change other values by more.
SINGLE_CHECKS = (
    Check("outputs, inference mode", "inference/output/.*", absolute, 1e-5),
    Check("outputs, training mode", "step1/output/.*", absolute, 1e-5),
    Check("losses", "step1/loss/.*", absolute, 1e-6),
    Check("losses at logits of +-10,000", "extreme/.*", relative, 1e-6),
    Check("accuracies around the threshold", "threshold/.*", absolute, 0.0),
    Check("moving means", "step1/statistics/.*/moving_mean", absolute, 1e-6),
    Check("moving variances", "step1/statistics/.*/moving_variance", absolute, 1e-6),
)


def deviations(check: Check, ours: Record, golden: Record) -> dict[str, float]:
    """Return the check's measure for every array of the golden record that it names."""
    return {
        name: check.measure(ours[name], golden[name]) for name in golden if re.fullmatch(check.names, name)
    }


# Adam's two epsilons: Keras adds 1e-7 before the bias correction, so its epsilon in PyTorch's form is
# 3.2e-6, 2.2e-6 and 1.8e-6 in the first three steps, and PyTorch's 1e-7. An update then differs by at most
# lr * epsilon / |gradient|. Where all |gradients| exceed LARGE_GRADIENT, that is 7e-6 in three steps. The
# small gradients elsewhere move other weights, so that the later gradients differ by some per cent, in
# float64 too. Where by less than SAME_GRADIENT of themselves, both causes together change a weight by at most
# 9.5e-6 (the largest over all such gradients, by numerical search).
LARGE_GRADIENT = 1e-4
SAME_GRADIENT = 0.05
# |corrected mean| / sqrt(corrected mean square) is at most 1, 1.0014 and 1.0038 in the first three steps
# (Cauchy-Schwarz), on both sides; the rest is for the float32 betas in Keras' correction.
HARD_BOUND = 2 * 3.006 * LEARNING_RATE + 1e-8


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
