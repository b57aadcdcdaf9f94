"""Print the largest deviation of each kind: python tests/parity/report.py [golden_0.npz ...].

Without and with fast paths.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from parity_checks import (
    CHECKS,
    HARD_BOUND,
    LARGE_GRADIENT,
    SAME_GRADIENT,
    SINGLE_CHECKS,
    adam_agreement,
    deviations,
)
from parity_record import port_record


def report(path: Path, fast_paths: bool) -> str:
    """Return the table for one golden file."""
    with np.load(path) as file:
        golden = dict(file)
    seed = int(golden["meta/seed"])
    double, single, plain = (
        port_record(seed, as_keras=True, fast_paths=fast_paths),
        port_record(seed, torch.float32, steps=1, fast_paths=fast_paths),
        port_record(seed, as_keras=False, fast_paths=fast_paths),
    )
    versions = ", ".join(f"{name} {golden[f'meta/{name}']}" for name in ("tensorflow", "keras", "numpy"))
    lines = [f"seed {seed}, {'fast paths' if fast_paths else 'plain'}: {versions}"]
    for precision, checks, record in (("float64", CHECKS, double), ("float32", SINGLE_CHECKS, single)):
        lines.append(f"{precision:<42}{'largest':>9}{'allowed':>10}  where")
        for check in checks:
            found = deviations(check, record, golden)
            where = max(found, key=found.__getitem__)
            too_large = "" if found[where] <= check.tolerance else "  <-- too large"
            lines.append(f"{check.kind:<42}{found[where]:9.1e}{check.tolerance:10.0e}  {where}{too_large}")
    adam = adam_agreement(plain, golden)
    return "\n".join(
        [
            *lines,
            "weights after three steps of PyTorch's own Adam",
            f"  every |gradient| above {LARGE_GRADIENT:.0e}: {adam.large:.1%} of parameters, "
            f"{adam.large_within:.2%} of them within 1e-5",
            f"  and the same on both sides within {SAME_GRADIENT:.0%}: {adam.conditioned:.1%} of parameters, "
            f"largest {adam.conditioned_deviation:.1e}",
            f"  anywhere: largest {adam.deviation:.1e}, Adam's bound {HARD_BOUND:.1e}",
        ]
    )


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]] or sorted(
        Path(__file__).parent.glob("golden_*.npz")
    )
    print("\n\n".join(report(path, fast_paths) for path in paths for fast_paths in (False, True)))
