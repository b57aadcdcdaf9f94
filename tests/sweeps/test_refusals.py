"""One folder for a sweep, one for each job in it, and a score for a search: else it is refused at once."""

import copy
from collections.abc import Callable

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.sweeps.refusals import check_sweep, pin_folder, refusing, swept_keys


def compose_sweep(*overrides: str) -> DictConfig:
    """Return a sweep's own configuration, as Hydra gives it to its callbacks."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        return hydra.compose_config("train", list(overrides), RunMode.MULTIRUN)


def compose_jobs(config: DictConfig, jobs: list[list[str]]) -> list[DictConfig]:
    """Return the configurations of a sweep's jobs, as Hydra's launchers compose them."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        return [hydra.config_loader.load_sweep_config(config, job) for job in jobs]


@pytest.fixture(scope="module")
def composed() -> DictConfig:
    return compose_sweep("seed=0,1")


FOLDER = "run_name and hydra.sweep.dir name the folder of all jobs and cannot"
NAMED = "hydra.sweep.subdir='x_${seed}'"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["run_name=a,b"], f"{FOLDER} be swept"),
        (["run_name=s_${seed}", "seed=0,1"], f"{FOLDER} depend on seed, which"),
        (["run_name=${model.dropout}/x", "model.dropout=0,1", "seed=0,1"], f"{FOLDER} depend on model.drop"),
        (["hydra.sweep.dir=outputs/${seed}", "seed=range(3)"], f"{FOLDER} depend on seed"),
        (["run_name=${model.latent_dim}", "+model=dcgan,dcgan"], f"{FOLDER} depend on model"),
        (["run_name=x_${hydra.job.num}", "seed=0,1"], f"{FOLDER} depend on hydra.job.num"),
        (["run_name=x_${hydra.job.override_dirname}", "seed=0,1"], f"{FOLDER} depend on hydra.job.over"),
        (["sweep=seeds", "run_name=x_${seed}"], f"{FOLDER} depend on seed"),
        (["sweep=optuna", "run_name=x_${data.batch_size}"], f"{FOLDER} depend on data.batch_size"),
        ([NAMED, "seed=0,1", "model.dropout=0,0.1"], "is the same folder for jobs that differ in model.drop"),
        (["hydra.sweep.subdir=x", "sweep=seeds"], "hydra.sweep.subdir=x is the same folder for jobs"),
        (["hydra.sweep.subdir=../x_${seed}", "seed=0,1"], "leads out of the sweep's folder"),
        (["hydra.sweep.subdir=/x/${hydra.job.num}", "seed=0,1"], "leads out of the sweep's folder"),
        (["hydra.sweep.subdir=.", "seed=0,1"], "leads out of the sweep's folder"),
        (["hydra.run.dir=x", "seed=0,1"], "hydra.run.dir is not used in a sweep"),
        (["ckpt_path=outputs/a,outputs/b"], "ckpt_path cannot be swept"),
        (["sweep=seeds,widths"], "sweep cannot be swept"),
        (["sweep=optuna", "callbacks=[default,averaged_generator]"], "callbacks.scores is missing, and"),
        (["sweep=optuna", "callbacks.scores=null"], "callbacks.scores is missing, and a search"),
        (["sweep=optuna", "callbacks=none"], "callbacks.scores is missing, and a search"),
        (["hydra/sweeper=search", "seed=0,1"], "callbacks.scores is missing, and a search"),
    ],
)  # fmt: skip
def test_refusals(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_sweep(compose_sweep(*overrides))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["seed=0,1"],
        ["run_name=s_${model.latent_dim}", "seed=0,1"],
        ["run_name=s_${now:%f}", "seed=0,1"],
        ["sweep=seeds", "run_name=x", "seed=5"],
        ["sweep=widths", "experiment=smoke"],
        ["sweep=optuna"],
        ["sweep=optuna", "callbacks=[default,scores]"],
        [NAMED, "seed=0,1"],
        ["hydra.sweep.subdir=a_${hydra.job.num}", "seed=0,1", "model.dropout=0,0.1"],
        ["hydra.sweep.subdir=${hydra.job.override_dirname}", "seed=0,1", "model.dropout=0,0.1"],
        ["hydra.sweep.subdir=only", "seed=0"],
        ["experiment=smoke,first_look"],
        ["ckpt_path=auto", "seed=0,1"],
    ],
)
def test_good_sweeps(overrides: list[str]) -> None:
    check_sweep(compose_sweep(*overrides))


def test_swept_keys() -> None:
    assert swept_keys(
        compose_sweep("sweep=learning_rates", "model.generator_lr=1e-3", "seed=0,1", "threads=2")
    ) == [
        "model.discriminator_lr",
        "seed",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "k=v",
        "a,b",
        "größe",
        "it's",
        r"a\b",
        r"it\'s\\",
        "[x]",
        "{x}",
        "o?2",
        "1e5",
        "null",
        " a ",
        "(x)",
    ],
)
def test_all_jobs_keep_the_folder_of_the_sweep(name: str, composed: DictConfig) -> None:
    """Also where an option that is swept names another one, as an experiment of the user's may."""
    config = copy.deepcopy(composed)
    config.hydra.sweep.dir = f"outputs/{name}"
    pin_folder(config)
    (job,) = compose_jobs(config, [["run_name=other", "seed=0"]])
    assert job.hydra.sweep.dir == f"outputs/{name}"


@pytest.mark.parametrize("error", [ConfigError("why")])
def test_a_refusal_in_a_callback_ends_the_sweep(error: Exception) -> None:
    def refuse() -> None:
        raise error

    def check(block: Callable[[], None]) -> None:
        with refusing():
            block()

    with pytest.raises(SystemExit) as caught:
        check(refuse)
    assert caught.value.__cause__ is error
    check(lambda: None)
