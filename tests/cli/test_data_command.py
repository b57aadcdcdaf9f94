from pathlib import Path

import pytest
from conftest import RunModule, files_below
from picture_folder import make_folder


@pytest.mark.real_data
def test_describes_the_real_data_as_the_notebook_does(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module("dcgan_lightning.data")
    assert result.returncode == 0, result.stderr
    assert "60,000 images of 28 x 28 pixels" in result.stdout
    assert "max pixel: 255\nmin pixel: 0\n" in result.stdout
    assert "max pixel, normalised: 1.0\nmin pixel, normalised: -1.0\n" in result.stdout
    assert files_below(tmp_path) == {"outputs/data/first_images_fashion_mnist.png"}


def test_describes_synthetic_data(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module("dcgan_lightning.data", "data=synthetic", "data.count=40", warm=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("finding, checking and reading the images\n")
    assert "synthetic data (made-up shapes)\n40 images of 28 x 28 pixels" in result.stdout
    assert files_below(tmp_path) == {"outputs/data/first_images_synthetic.png"}


def test_a_folder_without_the_files_is_named_in_one_line(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run_module("dcgan_lightning.data", "data.root=empty", warm=True)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "empty" in result.stderr
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_folder_smaller_than_a_batch_is_described(run_module: RunModule, tmp_path: Path) -> None:
    make_folder(tmp_path / "pictures", 5)
    arguments = ("data=image_folder", "data.root=pictures", "data.holdout=0", "data.cache_dir=cache")
    result = run_module("dcgan_lightning.data", *arguments, warm=True)
    assert result.returncode == 0, result.stderr
    assert "5 images of 64 x 64 pixels, 3 channel(s)" in result.stdout
    assert (
        "data.batch_size must be at most 5, the number of images; got 64; use data.batch_size=5"
        in result.stdout + result.stderr
    )
    assert (tmp_path / "outputs" / "data" / "first_images_pictures.png").is_file()
