import pytest

from dcgan_lightning.core.errors import is_out_of_memory


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("shapes differ"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
    wrapped = RuntimeError("could not build")
    wrapped.__cause__ = error
    assert is_out_of_memory(wrapped) is expected
