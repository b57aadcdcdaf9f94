import numpy as np
import pytest
import torch

from dcgan_lightning.core.pixels import normalize


def test_all_bytes_become_what_the_notebook_computes() -> None:
    bytes_ = torch.arange(256, dtype=torch.uint8)
    expected = ((np.arange(256) - 127.5) / 127.5).astype("float32")  # the notebook, in NumPy
    assert np.array_equal(normalize(bytes_).numpy(), expected)
    assert bytes_[255] == 255  # the input stays


def test_normalising_twice_is_impossible() -> None:
    once = normalize(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    with pytest.raises(TypeError, match="only once"):
        normalize(once)
