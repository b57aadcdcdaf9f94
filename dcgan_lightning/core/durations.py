"""Durations and counts in words."""


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units: "2 h 05 min", "3 min 20 s", "12 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s"


def format_position(epochs: int, iterations: int) -> str:
    """Return a run's position: "epoch 5" after its end, "epoch 6, iteration 42" within.

    Args:
        epochs: Finished ones.
        iterations: Finished ones of the next epoch.
    """
    return f"epoch {epochs + 1}, iteration {iterations}" if iterations else f"epoch {epochs}"


def format_count(count: int, name: str) -> str:
    """Return a number of things: "1 epoch", "1,000 epochs"."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
