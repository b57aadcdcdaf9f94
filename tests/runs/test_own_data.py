"""The images of a run stand in where a command's group data names none."""

from pathlib import Path

import pytest
from conftest import Compose
from omegaconf import OmegaConf

from dcgan_lightning.config.build import with_data
from dcgan_lightning.config.commands import COMMANDS
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.runs.own_data import own_data

OWN = {
    "_target_": "dcgan_lightning.data.SyntheticDataModule",
    "batch_size": 8,
    "count": 24,
    "size": 32,
    "channels": 3,
    "seed": 5,
}
TAKING_RUNS = sorted(name for name, command in COMMANDS.items() if command.takes_run)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "sweep" / "first"
    folder.mkdir(parents=True)
    OmegaConf.save({"seed": 5, "data": OWN}, folder / "config.yaml")
    for name in ("checkpoints/last.ckpt", "exported/a_to_b/model.safetensors"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    "place", [".", "checkpoints", "checkpoints/last.ckpt", "exported", "exported/a_to_b/model.safetensors"]
)
def test_every_part_of_a_run_knows_its_images(run: Path, place: str) -> None:
    assert own_data(run / place) == OWN


def test_other_places_know_none(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bare.ckpt").touch()
    for place in (None, "pretrained", tmp_path / "bare.ckpt", tmp_path, run / "gone", 2024):
        assert own_data(place) is None
    monkeypatch.chdir(run)  # "pretrained" is no path
    (run / "pretrained").mkdir()
    assert own_data("pretrained") is None


@pytest.mark.parametrize("name", ["mine.ckpt", "models/mine.ckpt", "models/new/mine.ckpt"])
def test_other_settings_above_a_checkpoint_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.yaml").write_text("data: [")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert own_data(tmp_path / name) is None


@pytest.mark.parametrize("command", TAKING_RUNS)
def test_the_runs_images_are_the_default(compose_cfg: Compose, run: Path, command: str) -> None:
    def data_for(*overrides: str) -> dict[str, object]:
        cfg = compose_cfg(*overrides, config_name=command)
        return check_command(with_data(cfg, own_data), command)["data"]

    assert data_for(f"ckpt_path={run}") == OWN
    # What is typed wins, single settings too.
    assert data_for(f"ckpt_path={run}", "+data.count=40", "data.seed=7") == {**OWN, "count": 40, "seed": 7}
    others = data_for(f"ckpt_path={run}", "data=synthetic")
    assert (others["count"], others["channels"], others["seed"]) == (512, 1, 0)
    assert data_for(f"ckpt_path={run}", "data=synthetic", "data.seed=7")["seed"] == 7
    usual = data_for("ckpt_path=pretrained", "+data.root=elsewhere")
    assert usual["_target_"] == "dcgan_lightning.data.FashionMNISTDataModule"
    assert (usual["root"], usual["verify"], usual["seed"]) == ("elsewhere", True, 0)


def test_settings_that_are_not_read_cannot_be_wrong(compose_cfg: Compose, run: Path) -> None:
    (run / "config.yaml").write_text("data: [")
    cfg = compose_cfg(f"ckpt_path={run}", "data=synthetic", config_name="evaluate")
    assert with_data(cfg, own_data).data.count == 512
