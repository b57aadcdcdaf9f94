"""The discriminator's accuracies as the notebook computes them."""

from torch import Tensor


def discriminator_accuracy(
    real_logits: Tensor, fake_logits: Tensor, threshold: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Return the shares of real and of fake images that the discriminator classifies correctly.

    Args:
        real_logits: Correct where at or above the threshold.
        fake_logits: Correct where below the threshold.
        threshold: Decision threshold on the *logit*. The notebook's 0.5 corresponds to a probability of
            0.622, which understates the real accuracy and overstates the fake one; 0.0 corresponds to a
            probability of 0.5.

    Shape:
        (N,) and (M,); the results are scalars in [0, 1].

    Source:
        ``discriminator_accuracy`` of the notebook.
    """
    real_accuracy = (real_logits >= threshold).float().mean()
    fake_accuracy = (fake_logits < threshold).float().mean()
    return real_accuracy, fake_accuracy
