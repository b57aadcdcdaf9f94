import pytest

from dcgan_lightning.processes import is_first_process

NAMES = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_a_process_that_is_alone_is_the_first() -> None:
    assert is_first_process()


@pytest.mark.parametrize("name", NAMES)
def test_any_other_number_is_another_process(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in NAMES:
        monkeypatch.setenv(other, "0")
    assert is_first_process()
    monkeypatch.setenv(name, "1")
    assert not is_first_process()
