"""Our networks against the notebook's in Keras, from the same weights and inputs.

The committed golden file holds Keras' results for one seed. Where a Python with TensorFlow is at hand (see
README.md), fresh results for more seeds are made and compared in the same way.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from parity_checks import CHECKS, HARD_BOUND, Check, adam_agreement, deviations
from parity_record import port_record
from parity_weights import SHAPES, Arrays, to_keras, to_torch, weights

HERE = Path(__file__).parent
GOLDEN = HERE / "golden.npz"
FRESH_SEEDS = (1, 2)


def keras_python() -> Path | None:
    """Return the Python with TensorFlow, if there is one."""
    if os.environ.get("KERAS_PYTHON"):
        return Path(os.environ["KERAS_PYTHON"])
    local = HERE.parents[1] / ".venv-keras/bin/python"
    return local if local.exists() else None


def make_golden(seed: int, folder: Path) -> Path:
    """Run Keras for a seed."""
    python = keras_python()
    if python is None:
        pytest.skip(
            "no Python with TensorFlow: python -m venv .venv-keras && "
            ".venv-keras/bin/pip install -r tests/parity/requirements-keras.txt, or set KERAS_PYTHON"
        )
    path = folder / f"golden{seed}.npz"
    command = [python, HERE / "make_golden.py", "--seed", str(seed), "--output", path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="module", params=["committed", *FRESH_SEEDS])
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Arrays:
    committed = request.param == "committed"
    path = GOLDEN if committed else make_golden(request.param, tmp_path_factory.mktemp("keras"))
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def port(golden: Arrays) -> Arrays:
    """Our record with Adam's epsilon as in Keras."""
    return port_record(int(golden["meta/seed"]), keras_epsilon=True)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.kind.replace(" ", "_"))
def test_agrees_with_keras(check: Check, golden: Arrays, port: Arrays) -> None:
    found = deviations(check, port, golden)
    assert found
    too_large = {name: value for name, value in found.items() if not value <= check.tolerance}
    assert not too_large


def test_every_golden_array_is_compared(golden: Arrays, port: Arrays) -> None:
    compared = {name for check in CHECKS for name in deviations(check, port, golden)}
    assert {name for name in golden if not name.startswith("meta/")} == compared


def test_golden_record_is_telling(golden: Arrays) -> None:
    """No gradient vanishes, no statistic stays, the batches differ, the accuracies are not all 0 or 1."""
    start = weights(int(golden["meta/seed"]), SHAPES)
    for name, value in golden.items():
        if "/gradient/" in name:
            assert np.abs(value).max() > 1e-7, name
    for name in ("batch_normalization_1/moving_mean", "batch_normalization_2/moving_variance"):
        assert np.abs(golden[f"step1/statistics/{name}"] - start[name]).max() > 1e-3
    assert len(golden["step1/output/real_logits"]) == 6
    assert len(golden["step1/output/fake_logits"]) == 8
    accuracies = [float(value) for name, value in golden.items() if "/accuracy/" in name]
    assert any(0 < accuracy < 1 for accuracy in accuracies)


def test_pytorchs_own_adam_stays_close(golden: Arrays) -> None:
    ours = port_record(int(golden["meta/seed"]), keras_epsilon=False)
    agreement = adam_agreement(ours, golden)
    assert agreement.large > 0.85
    assert agreement.large_within > 0.98
    assert agreement.conditioned > 0.45
    assert agreement.conditioned_deviation < 1e-5
    assert agreement.deviation < HARD_BOUND


@pytest.mark.parametrize("name", SHAPES)
def test_layouts_are_inverse(name: str) -> None:
    keras = np.arange(np.prod(SHAPES[name])).reshape(SHAPES[name])
    np.testing.assert_array_equal(to_keras(name, to_torch(name, keras)), keras)


def test_golden_file_is_small_and_says_its_origin() -> None:
    assert GOLDEN.stat().st_size < 600_000
    with np.load(GOLDEN) as file:
        assert int(file["meta/seed"]) == 0
        assert {name: str(file[f"meta/{name}"]) for name in ("tensorflow", "keras")} == {
            "tensorflow": "2.21.0",
            "keras": "3.15.1",
        }
        assert str(file["meta/numpy"])
