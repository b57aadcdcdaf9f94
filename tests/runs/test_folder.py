from pathlib import Path

import pytest

from dcgan_lightning.runs.folder import grid_name, sample_grids, similar_path


def test_grids_are_in_the_order_of_training(tmp_path: Path) -> None:
    """Numbers grow longer than the notebook's three digits."""
    samples = tmp_path / "samples"
    samples.mkdir()
    places = [(1, 1), (1, 751), (1, 3750), (2, 1), (10000, 1)]
    for epoch, iteration in reversed(places):
        (samples / grid_name(epoch, iteration)).touch()
    for other in ("real.png", "sample_epoch_0001_iter_001.png.bak", "sample_epoch_x_iter_001.png"):
        (samples / other).touch()
    grids = sample_grids(tmp_path)
    assert [grid[:2] for grid in grids] == places
    assert grids[2].path == samples / "sample_epoch_0001_iter_3750.png"


def test_a_run_without_grids(tmp_path: Path) -> None:
    assert sample_grids(tmp_path) == []
    assert grid_name(1, 1) == "sample_epoch_0001_iter_001.png"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("outputs/frist", "outputs/first"),
        ("outputs/first/", ""),
        ("first", "outputs/first"),
        ("output/first", "outputs/first"),
        ("outputs/frist/checkpoints/last.ckpt", "outputs/first/checkpoints/last.ckpt"),
        ("outputs/first/checkpoints/lost.ckpt", "outputs/first/checkpoints/last.ckpt"),
        ("outputs/frist/checkpoints/epoch_0005.ckpt", "outputs/first"),
        ("outputs/my nigth", "'outputs/my night'"),
        ("outputs/first/checkpoints/last.ckpt/x", ""),
        ("elsewhere/entirely", ""),
        ("/nowhere/at/all", ""),
    ],
)
def test_a_mistyped_path_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, meant: str
) -> None:
    for name in ("outputs/first/checkpoints/last.ckpt", "outputs/my night/checkpoints/last.ckpt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert similar_path(Path(typed)) == (f"; did you mean {meant}?" if meant else "")
