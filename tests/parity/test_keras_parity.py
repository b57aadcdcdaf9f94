"""Our networks against the notebook's in Keras, from the same weights and inputs.

The committed golden files hold Keras' results for three seeds. ``make parity`` also runs Keras itself for
another seed and compares in the same way.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from parity_checks import CHECKS, HARD_BOUND, SINGLE_CHECKS, Check, adam_agreement, deviations
from parity_record import port_record
from parity_weights import SHAPES, Arrays, to_keras, to_torch, weights

HERE = Path(__file__).parent
GOLDEN = sorted(HERE.glob("golden_*.npz"))
FRESH_SEED = int(os.environ.get("KERAS_SEED", "3"))


def run_keras(folder: Path) -> Path:
    """Make a golden file with the Python of KERAS_PYTHON, by default the one in .venv-keras."""
    python = os.environ.get("KERAS_PYTHON", HERE.parents[1] / ".venv-keras/bin/python")
    path = folder / "golden.npz"
    command = [python, HERE / "make_golden.py", "--seed", str(FRESH_SEED), "--output", path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(
    scope="module",
    params=[*GOLDEN, pytest.param("fresh", marks=pytest.mark.keras)],
    ids=[*(path.stem for path in GOLDEN), "fresh"],
)
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Arrays:
    fresh = request.param == "fresh"
    with np.load(run_keras(tmp_path_factory.mktemp("keras")) if fresh else request.param) as file:
        return dict(file)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "fast_paths"])
def fast_paths(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(scope="module")
def port(golden: Arrays, fast_paths: bool) -> Arrays:
    """Our record in float64, with Keras' Adam."""
    return port_record(int(golden["meta/seed"]), as_keras=True, fast_paths=fast_paths)


@pytest.fixture(scope="module")
def single_port(golden: Arrays, fast_paths: bool) -> Arrays:
    """Our record in float32, of the first step."""
    return port_record(int(golden["meta/seed"]), torch.float32, steps=1, fast_paths=fast_paths)


def too_large(check: Check, ours: Arrays, golden: Arrays) -> dict[str, float]:
    found = deviations(check, ours, golden)
    assert found
    return {name: value for name, value in found.items() if not value <= check.tolerance}


def check_name(check: Check) -> str:
    return check.kind.replace(" ", "_")


@pytest.mark.parametrize("check", CHECKS, ids=check_name)
def test_agrees_with_keras(check: Check, golden: Arrays, port: Arrays) -> None:
    assert not too_large(check, port, golden)


@pytest.mark.parametrize("check", SINGLE_CHECKS, ids=check_name)
def test_agrees_with_keras_in_float32(check: Check, golden: Arrays, single_port: Arrays) -> None:
    assert single_port["step1/output/images"].dtype == np.float32
    assert not too_large(check, single_port, golden)


def test_every_golden_array_is_compared(golden: Arrays, port: Arrays) -> None:
    compared = {name for check in CHECKS for name in deviations(check, port, golden)}
    assert {name for name in golden if not name.startswith("meta/")} == compared


def test_golden_record_is_telling(golden: Arrays) -> None:
    """All is in float64, no gradient vanishes, no statistic stays, the batches differ."""
    start = weights(int(golden["meta/seed"]), SHAPES)
    for name, value in golden.items():
        assert value.dtype == np.float64 or name.startswith("meta/") or "accuracy" in name
        if "/gradient/" in name and value.size > 1:  # a single one may be close to 0
            assert np.abs(value).max() > 1e-7, name
    for name in ("batch_normalization_1/moving_mean", "batch_normalization_2/moving_variance"):
        assert np.abs(golden[f"step1/statistics/{name}"] - start[name]).max() > 1e-3
    assert len(golden["step1/output/real_logits"]) == 6
    assert len(golden["step1/output/fake_logits"]) == 8


def test_golden_accuracies_are_not_all_0_or_1() -> None:
    for path in GOLDEN:
        with np.load(path) as file:
            accuracies = [float(value) for name, value in file.items() if "/accuracy/" in name]
        assert any(0 < accuracy < 1 for accuracy in accuracies)


def test_pytorchs_own_adam_stays_close(golden: Arrays) -> None:
    ours = port_record(int(golden["meta/seed"]), as_keras=False)
    agreement = adam_agreement(ours, golden)
    assert agreement.large > 0.8
    assert agreement.large_within > 0.95
    assert agreement.conditioned > 0.3
    assert agreement.conditioned_deviation < 1e-5
    assert agreement.deviation < HARD_BOUND


@pytest.mark.parametrize("name", SHAPES)
def test_layouts_are_inverse(name: str) -> None:
    keras = np.arange(np.prod(SHAPES[name])).reshape(SHAPES[name])
    np.testing.assert_array_equal(to_keras(name, to_torch(name, keras)), keras)


def test_golden_files_are_small_and_say_their_origin() -> None:
    assert len(GOLDEN) == 3
    for seed, path in enumerate(GOLDEN):
        assert path.stat().st_size < 600_000
        with np.load(path) as file:
            assert int(file["meta/seed"]) == seed
            assert str(file["meta/tensorflow"]) == "2.21.0"
            assert str(file["meta/keras"]) == "3.15.1"
            assert str(file["meta/numpy"])
