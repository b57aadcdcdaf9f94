"""Print the largest deviation of each kind: python tests/parity/report.py [golden_0.npz ...]."""

import sys
from pathlib import Path

import numpy as np
from parity_checks import CHECKS, HARD_BOUND, adam_agreement, deviations
from parity_record import port_record


def report(path: Path) -> str:
    """Return the table for one golden file."""
    with np.load(path) as file:
        golden = dict(file)
    seed = int(golden["meta/seed"])
    exact, plain = (port_record(seed, keras_epsilon) for keras_epsilon in (True, False))
    versions = ", ".join(f"{name} {golden[f'meta/{name}']}" for name in ("tensorflow", "keras", "numpy"))
    lines = [f"seed {seed}: {versions}", f"{'':<42}{'largest':>9}{'allowed':>10}  where"]
    for check in CHECKS:
        found = deviations(check, exact, golden)
        where = max(found, key=found.__getitem__)
        too_large = "" if found[where] <= check.tolerance else "  <-- too large"
        lines.append(f"{check.kind:<42}{found[where]:9.1e}{check.tolerance:10.0e}  {where}{too_large}")
    adam = adam_agreement(plain, golden)
    return "\n".join(
        [
            *lines,
            "weights after three steps of PyTorch's own Adam",
            f"  every |gradient| above 1e-4: {adam.large:.1%} of parameters, {adam.large_within:.2%} of them "
            "within 1e-5",
            f"  and the same on both sides within 5 %: {adam.conditioned:.1%} of parameters, "
            f"largest {adam.conditioned_deviation:.1e}",
            f"  anywhere: largest {adam.deviation:.1e}, Adam's bound {HARD_BOUND:.1e}",
        ]
    )


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]] or sorted(
        Path(__file__).parent.glob("golden_*.npz")
    )
    print("\n\n".join(report(path) for path in paths))
