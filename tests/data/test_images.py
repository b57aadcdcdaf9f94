import pytest
import torch

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data import check_images


def test_good_images_pass() -> None:
    check_images(torch.randint(0, 256, (10, 1, 28, 28), dtype=torch.uint8), "test")


def test_the_size_may_be_the_data_modules_own() -> None:
    images = torch.randint(0, 256, (10, 3, 32, 32), dtype=torch.uint8)
    check_images(images, "test", 32)
    with pytest.raises(DataError, match="test: expected uint8 images of 16 x 16 pixels"):
        check_images(images, "test", 16)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(4, 1, 28, 28), r"test: expected uint8 images of 28 x 28 pixels, got torch.float32"),
        (torch.zeros(4, 28, 28, dtype=torch.uint8), r"got torch.uint8 \(4, 28, 28\)"),
        (torch.zeros(4, 1, 14, 56, dtype=torch.uint8), r"\(4, 1, 14, 56\)"),
        (torch.zeros(0, 1, 28, 28, dtype=torch.uint8), "test: holds no images"),
        (torch.full((4, 1, 28, 28), 7, dtype=torch.uint8), r"\(nearly\) constant: standard deviation 0.0000"),
        # Bytes 0 and 1 are what the notebook's second normalisation left of the contrast.
        (
            torch.randint(0, 2, (4, 1, 28, 28), dtype=torch.uint8),
            r"\(nearly\) constant: standard deviation 0.00",
        ),
    ],
)
def test_bad_images_are_refused(images: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_images(images, "test")
