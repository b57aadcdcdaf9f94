"""Every file under conf/ composes, is valid and builds what it describes."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import pytorch_lightning as pl
import pytorch_lightning.loggers as loggers
import torch
from conftest import Compose
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from lightning_fabric.loggers import tensorboard as fabric_tensorboard
from omegaconf import DictConfig, OmegaConf

from dcgan_lightning.callbacks import GracefulStop
from dcgan_lightning.config.build import CONF_DIR, build, plain
from dcgan_lightning.config.commands import COMMANDS
from dcgan_lightning.config.nested import flatten
from dcgan_lightning.config.resolvers import multiples
from dcgan_lightning.config.validate import check_command, validate
from dcgan_lightning.core.errors import MissingExtraError
from dcgan_lightning.evaluation import METRICS
from dcgan_lightning.evaluation.fashion_mnist.classifier import HELD_OUT_FILE, WEIGHTS_FILE, describe_weights
from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO
from dcgan_lightning.training.loop import build_trainer

GROUPS = ("data", "model", "trainer", "callbacks", "logger", "experiment", "sweep")
LAUNCHERS = {
    "parallel": "hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
    "processes": "hydra_submitit_launcher.submitit_launcher.LocalLauncher",
    "slurm": "hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
    "on_ray": "hydra_ray_launcher.ray_launcher.RayLauncher",
}
OPTIONS = sorted(
    f"{group}={path.stem}" for group in GROUPS for path in (Path(CONF_DIR) / group).glob("*.yaml")
)


def trainer_of(cfg: DictConfig) -> pl.Trainer:
    return build_trainer(cfg, "cpu", 1, GracefulStop(), AtomicCheckpointIO())


def test_there_are_options_in_every_group() -> None:
    assert {option.partition("=")[0] for option in OPTIONS} == set(GROUPS)


def test_no_file_is_left_out() -> None:
    tested = {*(f"{option.replace('=', '/')}.yaml" for option in OPTIONS)}
    tested |= {"train.yaml", "describe.yaml", "hydra/help/train.yaml", "hydra/help/describe.yaml"}
    tested |= {"export.yaml", "hydra/help/export.yaml"}
    tested |= {"play.yaml", "hydra/help/play.yaml", "report.yaml", "hydra/help/report.yaml"}
    tested |= {"translate.yaml", "hydra/help/translate.yaml"}
    tested |= {"compare.yaml", "hydra/help/compare.yaml"}
    tested |= {"stylize.yaml", "hydra/help/stylize.yaml"}
    tested |= {"hydra/job_logging/dcgan_lightning.yaml"}
    tested |= {"evaluate.yaml", "hydra/help/evaluate.yaml", "generate.yaml", "hydra/help/generate.yaml"}
    tested |= {"train_classifier.yaml", "hydra/help/train_classifier.yaml"}
    tested |= {"hydra/sweeper/search.yaml"}
    tested |= {f"hydra/launcher/{name}.yaml" for name in LAUNCHERS}
    assert {str(path.relative_to(CONF_DIR)) for path in Path(CONF_DIR).rglob("*.yaml")} == tested


@pytest.fixture
def _trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Lightning's loggers be built without W&B and MLflow, which are too large to install for tests."""
    tracking = ModuleType("mlflow.tracking")
    tracking.MlflowClient = lambda uri: uri
    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.tracking", tracking)
    monkeypatch.setattr(loggers.wandb, "_WANDB_AVAILABLE", True)
    monkeypatch.setattr(loggers.mlflow, "_MLFLOW_AVAILABLE", True)


@pytest.mark.usefixtures("_trackers")
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_and_builds(compose_cfg: Compose, option: str) -> None:
    overrides = [option]
    if option.startswith("callbacks=") and option not in ("callbacks=default", "callbacks=none"):
        overrides = [option] if option != "callbacks=film" else ["callbacks=[sample_grid,film]"]
    if option == "model=cyclegan":
        overrides = [option, "data=domains"]
    if option in ("data=image_folder", "data=image_domains"):
        overrides = [option, "data.root=pictures"]
    cfg = compose_cfg(*overrides)
    validate(cfg)
    assert build(cfg.data).batch_size == cfg.data.batch_size
    assert build(cfg.model).seed == cfg.seed
    trainer = trainer_of(cfg)
    assert trainer.max_epochs == cfg.trainer.max_epochs
    wanted = {part["_target_"].rpartition(".")[2] for part in cfg.callbacks.values() if "_target_" in part}
    assert {type(callback).__name__ for callback in trainer.callbacks} >= wanted
    assert len(trainer.loggers) == len(cfg.logger)


@pytest.mark.parametrize("name", ["wandb", "mlflow", "tensorboard"])
def test_a_logger_without_its_package_is_one_line(
    compose_cfg: Compose, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module = getattr(loggers, name)
    for flag in (
        "_WANDB_AVAILABLE",
        "_MLFLOW_AVAILABLE",
        "_TENSORBOARD_AVAILABLE",
        "_TENSORBOARDX_AVAILABLE",
    ):
        for holder in (module, fabric_tensorboard):
            if hasattr(holder, flag):
                monkeypatch.setattr(holder, flag, False)
    with pytest.raises(MissingExtraError) as caught:
        trainer_of(compose_cfg(f"logger={name}"))
    assert str(caught.value) == (
        f'logger.{name} needs a package that is not installed; pip install -e ".[{name}]"'
    )


def test_several_loggers_at_once(compose_cfg: Compose) -> None:
    trainer = trainer_of(compose_cfg("logger=[csv,tensorboard]"))
    assert [type(logger).__name__ for logger in trainer.loggers] == ["CSVLogger", "TensorBoardLogger"]


@pytest.mark.parametrize("name", ["film", "history", "checkpoint", "progress"])
def test_a_callback_can_be_left_out(compose_cfg: Compose, name: str) -> None:
    full = trainer_of(compose_cfg())
    without = trainer_of(compose_cfg(f"callbacks.{name}=null"))
    assert len(without.callbacks) == len(full.callbacks) - 1


def test_the_defaults_are_the_notebooks_recipe(compose_cfg: Compose) -> None:
    values = dict(flatten(plain(compose_cfg())))
    expected = {
        "trainer.max_epochs": 50,
        "data.batch_size": 256,
        "model.batch_size": 256,
        "model.latent_dim": 100,
        "model.generator_channels": [256, 128, 64],
        "model.discriminator_channels": [64, 128],
        "model.negative_slope": 0.3,
        "model.dropout": 0.3,
        "model.initialization": "glorot_uniform",
        "model.generator_lr": 1e-4,
        "model.discriminator_lr": 1e-4,
        "model.betas": [0.9, 0.999],
        "model.adam_eps": 1e-7,
        "model.accuracy_threshold": 0.5,
        "callbacks.sample_grid.every_n_iterations": 50,
        "callbacks.checkpoint.every_n_epochs": 5,
    }
    assert {key: values[key] for key in expected} == expected


@pytest.mark.parametrize("name", sorted(path.stem for path in (Path(CONF_DIR) / "sweep").glob("*.yaml")))
def test_every_sweep_starts_a_multirun_of_known_keys(name: str) -> None:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", [f"sweep={name}"], return_hydra_config=True)
        assert cfg.hydra.mode.name == "MULTIRUN"
        parser = OverridesParser.create()
        for key, values in cfg.hydra.sweeper.params.items():
            override = parser.parse_override(f"{key}={values}")
            assert override.is_sweep_override()
            is_interval = override.is_interval_sweep()
            ends = (override.value().start, override.value().end) if is_interval else ()
            for value in ends or override.sweep_string_iterator():
                compose("train", [f"{key}={value}"])


EXPERIMENTS = [None, *sorted(path.stem for path in (Path(CONF_DIR) / "experiment").glob("*.yaml"))]


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if name != "style"])  # one network only
@pytest.mark.parametrize(
    ("sweep", "key", "factors"),
    [
        ("widths", "generator_channels", (0.25, 0.5, 1)),
        ("learning_rates", "generator_lr", (1, 2)),
        ("learning_rates", "discriminator_lr", (1, 2)),
    ],
)
def test_sweeps_vary_the_experiments_own_values(
    compose_cfg: Compose, experiment: str | None, sweep: str, key: str, factors: tuple[float, ...]
) -> None:
    chosen = [f"experiment={experiment}"] if experiment else []
    own = compose_cfg(*chosen).model[key]
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        params = compose("train", [f"sweep={sweep}", *chosen], return_hydra_config=True).hydra.sweeper.params
    override = OverridesParser.create().parse_override(f"model.{key}={params[f'model.{key}']}")
    swept = [compose_cfg(f"model.{key}={value}").model[key] for value in override.sweep_string_iterator()]
    for value, factor in zip(swept, factors, strict=True):
        if isinstance(own, float):
            assert value == pytest.approx(factor * own)
        else:
            assert value == [max(1, round(factor * channels)) for channels in own]


def test_multiples_of_whole_numbers_are_whole_and_at_least_one() -> None:
    assert multiples([64, 2, 1], [0.25, 3]) == "[16,1,1],[192,6,3]"
    assert multiples(5e-4, [1, 2, 0.1]) == "0.0005,0.001,5e-05"


def test_the_generate_commands_configuration(compose_cfg: Compose) -> None:
    values = check_command(compose_cfg("ckpt_path=x", config_name="generate"), "generate")
    expected = {"averaged": "auto", "mode": "images", "seed": 0, "first": 0, "n": None, "device": "auto"}
    assert {key: values[key] for key in expected} == expected
    assert values.keys() == {key.partition(".")[0] for key in COMMANDS["generate"].rules}
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        hydra = compose("generate", ["ckpt_path=x"], return_hydra_config=True).hydra
    assert (hydra.run.dir, hydra.sweep.dir, hydra.output_subdir) == (".", "outputs/generated", None)


def test_the_evaluate_commands_configuration(compose_cfg: Compose) -> None:
    values = check_command(compose_cfg("ckpt_path=x", config_name="evaluate"), "evaluate")
    assert values["metrics"] == list(METRICS)
    assert (values["count"], values["seeds"], values["features"]) == (10_000, [0, 1, 2], "classifier")


def test_the_classifiers_configuration_is_that_of_the_shipped_weights(compose_cfg: Compose) -> None:
    held_out = ("classifier.architecture=residual", "seed=1")
    for overrides, path in (((), WEIGHTS_FILE), (held_out, HELD_OUT_FILE)):
        cfg = compose_cfg(*overrides, config_name="train_classifier")
        values = check_command(cfg, "train_classifier")
        settings = {key: values[key] for key in ("seed", "threads", "epochs", "shift")}
        settings |= {"batch_size": values["data"]["batch_size"]} | values["classifier"]
        assert settings == describe_weights(path)["settings"]


def test_the_report_commands_configuration(compose_cfg: Compose) -> None:
    values = check_command(compose_cfg("run=outputs/x", config_name="report"), "report")
    assert values == {"run": "outputs/x"}


def test_wider_networks_have_wider_discriminators(compose_cfg: Compose) -> None:
    cfg = compose_cfg("sweep=widths", "model.generator_channels=[64,32,16]")
    assert cfg.model.discriminator_channels == [16, 32]
    assert compose_cfg("sweep=widths").model.discriminator_channels == [64, 128]


def test_the_compare_commands_configuration() -> None:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        values = check_command(compose("compare", ["runs=[outputs/a,outputs/b]"]), "compare")
    assert values == {"runs": ["outputs/a", "outputs/b"], "output_dir": None}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_launcher_composes(name: str) -> None:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", [f"hydra/launcher={name}"], return_hydra_config=True)
    assert cfg.hydra.launcher._target_ == f"hydra_plugins.{LAUNCHERS[name]}"


def test_slurms_launcher_knows_all_its_settings() -> None:
    from hydra_plugins.hydra_submitit_launcher.config import SlurmQueueConf

    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", ["hydra/launcher=slurm"], return_hydra_config=True)
    ours = cfg.hydra.launcher
    assert {*ours} <= {"_target_", *OmegaConf.structured(SlurmQueueConf)}
    assert (ours.timeout_min, ours.cpus_per_task) == (240, 4)


def test_the_search_makes_the_score_small_and_keeps_its_study() -> None:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", ["sweep=optuna", "run_name=x", "seed=3"], return_hydra_config=True)
        sweeper = cfg.hydra.sweeper
        assert sweeper._target_ == "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
        assert (sweeper.direction, sweeper.sampler.seed) == ("minimize", 3)
        assert sweeper.storage == "sqlite:///outputs/x/study.db"
        assert cfg.hydra.callbacks.search._target_ == "dcgan_lightning.sweeps.search.Study"
        assert "collapse" in cfg.callbacks


@pytest.mark.parametrize("is_sweep", [False, True])
@pytest.mark.usefixtures("_trackers")
def test_trackers_stay_in_the_runs_folder_and_group_sweeps(
    compose_cfg: Compose, tmp_path: Path, is_sweep: bool
) -> None:
    cfg = compose_cfg("logger=[wandb,mlflow]")
    trainer = build_trainer(cfg, "cpu", 1, GracefulStop(), AtomicCheckpointIO(), is_sweep=is_sweep)
    wandb, mlflow = trainer.loggers
    assert wandb.save_dir == str(tmp_path / "run" / "logs")
    assert wandb._offline is True
    assert wandb._wandb_init["group"] == (tmp_path.name if is_sweep else None)
    assert mlflow._tracking_uri == f"sqlite:///{tmp_path}/run/logs/mlflow/mlflow.db"
    assert mlflow._artifact_location == f"file:{tmp_path}/run/logs/mlflow/artifacts"
    assert mlflow._experiment_name == (tmp_path.name if is_sweep else "dcgan_lightning")
    assert mlflow._run_name == (f"{tmp_path.name}/run" if is_sweep else "run")


def test_the_trainer_takes_the_jobs_card(compose_cfg: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cfg = compose_cfg("logger=none", "callbacks=none")
    for card, device in ((2, "cuda:2"), (None, "cuda:0")):
        trainer = build_trainer(cfg, "cuda", 1, GracefulStop(), AtomicCheckpointIO(), card=card)
        assert str(trainer.strategy.root_device) == device


@pytest.mark.usefixtures("_trackers")
def test_trackers_keep_the_names_that_they_are_given(compose_cfg: Compose, tmp_path: Path) -> None:
    names = ("wandb.name=a", "wandb.group=b", "mlflow.experiment_name=c", "mlflow.tags={d: e}")
    cfg = compose_cfg("logger=[wandb,mlflow]", *(f"+logger.{name}" for name in names))
    trainer = build_trainer(cfg, "cpu", 1, GracefulStop(), AtomicCheckpointIO(), is_sweep=True)
    wandb, mlflow = trainer.loggers
    assert (wandb._wandb_init["name"], wandb._wandb_init["group"]) == ("a", "b")
    assert (mlflow._experiment_name, mlflow.tags["d"]) == ("c", "e")
    assert mlflow._run_name == f"{tmp_path.name}/run"  # not given


@pytest.mark.parametrize("name", ["train", *COMMANDS])
def test_no_command_makes_hydras_own_folders(name: str) -> None:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        hydra = compose(name, return_hydra_config=True).hydra
    for folder in (OmegaConf.to_container(part, resolve=False)["dir"] for part in (hydra.run, hydra.sweep)):
        assert folder == "." or folder.startswith("outputs/")


def test_the_data_commands_configuration(compose_cfg: Compose) -> None:
    values = check_command(compose_cfg(config_name="describe"), "describe")
    assert values["data"]["batch_size"] == 256


def test_the_export_commands_configuration(compose_cfg: Compose) -> None:
    values = check_command(compose_cfg("ckpt_path=x", config_name="export"), "export")
    expected = {"ckpt_path": "x", "format": "safetensors", "averaged": "auto", "output_dir": None}
    assert values == expected | {"threads": None, "half": False, "data": {"seed": None}}
