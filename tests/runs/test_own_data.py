"""The images of a run stand in where a command's group data names none."""

from pathlib import Path

import pytest
import yaml
from conftest import Compose, train_into
from omegaconf import OmegaConf
from picture_folder import make_folder

from dcgan_lightning.config.build import build, with_data
from dcgan_lightning.config.commands import COMMANDS
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.errors import RunFolderError
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
        training = ["data.batch_size=8"] if command == "train_classifier" else []  # of the classifier
        cfg = compose_cfg(*overrides, *training, config_name=command)
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("_target_: os.system", "data._target_: 'os.system' may not be built, only the data modules of"),
        ("_target_: dcgan_lightning.callbacks.Film", "'dcgan_lightning.callbacks.Film' may not be built"),
        ("_target_: pytorch_lightning.Trainer", "may not be built"),
        ("_target_: dcgan_lightning.data.Batch", "may not be built"),
        ("_target_: [dcgan_lightning.data.SyntheticDataModule]", "may not be built"),
        ("root: '???'", "data.root has no value"),
        ("root: {_target_: os.system}", "data.root must be a text, or null; got {'_target_': 'os.system'}"),
        ("batch_size: 8, path: x", "unknown key 'data.path'"),
        (
            "root: '${oc.env:HOME}'",
            "data.root=${oc.env:HOME} refers to something else, which is not looked up",
        ),
        ("domains: [bag, '${seed}']", "data.domains=['bag', '${seed}'] refers to something else"),
        ("size: 17", "data.size must be one of 28, 32, 48"),
    ],
)
def test_a_foreign_run_builds_data_modules_only(run: Path, text: str, problem: str) -> None:
    (run / "config.yaml").write_text(f"data: {{{text}}}")
    with pytest.raises(RunFolderError) as refusal:
        own_data(run)
    assert str(refusal.value).startswith(f"{run / 'config.yaml'}: ")
    assert problem in str(refusal.value)
    assert str(refusal.value).endswith("; fix this file, or name the images with data=...")


def test_only_what_the_user_types_is_resolved(compose_cfg: Compose, run: Path) -> None:
    typed = "+data.size=${oc.decode:'28'}"
    cfg = with_data(compose_cfg(f"ckpt_path={run}", typed, config_name="evaluate"), own_data)
    assert check_command(cfg, "evaluate")["data"]["size"] == 28


def test_images_of_an_older_run_are_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pictures", "elsewhere/pictures", "outputs/sweep/0"):
        (tmp_path / name).mkdir(parents=True)
    settings = tmp_path / "outputs" / "sweep" / "0" / "config.yaml"

    def root(given: str, start: str) -> str:
        settings.write_text(yaml.safe_dump({"data": {"root": given}}))
        monkeypatch.chdir(tmp_path / start)
        return own_data(settings.parent)["root"]

    assert root("pictures", ".") == root("pictures", "outputs") == str(tmp_path / "pictures")
    assert root("pictures", "elsewhere") == str(tmp_path / "elsewhere" / "pictures")
    assert root("gone", "elsewhere") == str(tmp_path / "gone")
    assert root("/nowhere", ".") == "/nowhere"
    assert root("~", ".") == str(Path.home())


def test_a_run_on_pictures_is_used_from_another_folder(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path / "x y", 40)
    monkeypatch.chdir(tmp_path)
    images = ("data=image_folder", "data.root='x y'", "data.size=28", "data.channels=1")
    images = (*images, "data.cache_dir=cache", "~data.count", "data.batch_size=10")
    folder = train_into(
        tmp_path / "run", "experiment=smoke", *images, "callbacks=[checkpoint]", "report=false"
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert own_data(folder)["root"] == str(tmp_path / "x y")
    cfg = with_data(compose_cfg(f"ckpt_path={folder}", config_name="evaluate"), own_data)
    datamodule = build(cfg.data)
    datamodule.prepare_data()
    assert len(datamodule.load_images("train")) + len(datamodule.load_images("test")) == 40
    assert not list((tmp_path / "elsewhere").iterdir())
