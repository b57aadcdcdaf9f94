import pytest

from dcgan_lightning.core.durations import format_count, format_duration, format_position


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3600, "1 h 00 min"),
        (7384, "2 h 03 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 epochs"), (1, "1 epoch"), (2000, "2,000 epochs")])
def test_counts(count: int, text: str) -> None:
    assert format_count(count, "epoch") == text


@pytest.mark.parametrize(
    ("epochs", "iterations", "text"),
    [(0, 0, "epoch 0"), (5, 0, "epoch 5"), (0, 1, "epoch 1, iteration 1"), (5, 42, "epoch 6, iteration 42")],
)
def test_positions(epochs: int, iterations: int, text: str) -> None:
    assert format_position(epochs, iterations) == text
