"""Resume an Optuna study, refuse a damaged one, and draw what a search found."""

import contextlib
import functools
import logging
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.runs.jobs import read_records
from dcgan_lightning.sweeps.refusals import refusing

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

# Optuna creates a missing table again, empty, and fails later.
_TABLES = {"studies", "study_directions", "trials", "trial_params", "trial_values"}

# Here, because the processes of parallel jobs import this module before they need it.
OmegaConf.register_new_resolver("add", lambda *numbers: sum(map(int, numbers)), replace=True)


class Study(Callback):
    """Resume a search's study and plot its results (see ``conf/sweep/optuna.yaml``)."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Resume the study: run only the remaining trials, with consecutive folder numbers."""
        if config.hydra.sweeper.storage is None:
            with open_dict(config):
                config.hydra.sweeper.storage = {"_target_": f"{__name__}.study_in_memory"}
        with refusing():
            study = _load(config)
            if study is None and read_records(folder := Path(config.hydra.sweep.dir)):
                raise ConfigError(
                    f"{_shown(config.hydra.sweeper)} holds no study, but {folder} holds jobs; restore the "
                    "study, or choose another run_name"
                )
        if study is None:
            return
        begun = len(study.trials)  # those that were interrupted have left folders too
        done = sum(trial.state.is_finished() for trial in study.trials)
        sweeper = config.hydra.sweeper
        log.info("resuming %s: %d of %d trials are done", _shown(sweeper), done, sweeper.n_trials)
        with open_dict(config):
            sweeper.n_trials = max(0, sweeper.n_trials - done)
            sweeper.sampler.seed += begun  # else the first draws would be repeated
            # Each job is composed anew from these.
            config.hydra.overrides.hydra.append(f"hydra.sweep.subdir='${{add:{begun},${{hydra.job.num}}}}'")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Draw scores and importances into ``search.png``, and say what was best."""
        study = _load(config)
        assert study is not None  # without a result Optuna has raised an error
        sweep = Path(config.hydra.sweep.dir)
        write_atomic(sweep / "search.png", _draw(study))
        failed = sum(trial.state.name == "FAIL" for trial in study.trials)
        settings = " ".join(f"{name}={value}" for name, value in study.best_params.items())
        print(
            f"\n{len(study.trials)} trials, {failed} of them failed; best score {study.best_value:.4g} "
            f"(trial {study.best_trial.number}): {settings}\nscores and importances: {sweep / 'search.png'}"
        )


def _load(config: DictConfig) -> "optuna.Study | None":
    """Return the search's study, or None if it does not exist yet or Optuna is not installed."""
    try:
        import optuna
    except ImportError:
        return None
    Path(config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)  # for the study's file
    sweeper = config.hydra.sweeper
    storage = sweeper.storage if isinstance(sweeper.storage, str) else study_in_memory()
    try:
        _check_file(_file(sweeper))
        return optuna.load_study(study_name=sweeper.study_name, storage=storage)
    except KeyError:
        return None
    except Exception as error:  # SQLAlchemy's and Optuna's, of a file that is no study
        raise ConfigError(f"{_shown(sweeper)} cannot be read as a study: {_reason(error)}") from error


@functools.cache
def study_in_memory() -> "optuna.storages.InMemoryStorage":
    """Return the place of a study that is not kept, the same one for the search and for its picture."""
    import optuna

    return optuna.storages.InMemoryStorage()


def study_error(error: BaseException | None, folder: Path) -> ConfigError | None:
    """Return what to say of a storage that failed during a search; None for any other error.

    Args:
        error: What ended the sweep.
        folder: The sweep's.
    """
    if type(error).__module__.partition(".")[0] not in ("sqlalchemy", "optuna", "sqlite3"):
        return None
    assert error is not None
    return ConfigError(f"the study of {folder} cannot be read or written: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """Return what is wrong with a storage and the remedy, in one line."""
    cause = error.__cause__ or error  # Optuna names none, SQLAlchemy adds its statement
    reason = str(getattr(cause, "orig", cause)).strip().partition("\n")[0] or type(error).__name__
    if "locked" in reason:
        return f"{reason}; another process uses it: wait for it, or choose another run_name"
    return f"{reason}; restore the study, or choose another run_name"


def _file(sweeper: DictConfig) -> Path | None:
    """Return the study's file, or None if it is kept elsewhere (see `study_url`)."""
    match = re.fullmatch(r"sqlite:///(file:)?([^?]*)(\?.*)?", str(sweeper.storage))
    return match and Path(unquote(match[2]) if match[1] else match[2])


def _shown(sweeper: DictConfig) -> str:
    is_text = isinstance(sweeper.storage, str)
    return str(_file(sweeper) or f"hydra.sweeper.storage={sweeper.storage if is_text else 'null'}")


def _check_file(path: Path | None) -> None:
    """Raise an error on a file that Optuna would find damaged in the middle of a search only."""
    if path is None or not path.exists():
        return
    address = f"file:{quote(str(path))}?mode=rw"  # a transaction that was cut off is rolled back
    with contextlib.closing(sqlite3.connect(address, timeout=2, uri=True)) as database:
        (state,) = database.execute("PRAGMA quick_check(1)").fetchone()
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if state != "ok":
        raise sqlite3.DatabaseError(state)
    if tables and (missing := sorted(_TABLES - tables)):
        raise sqlite3.DatabaseError(f"there is no table {missing[0]}")


def _draw(study: "optuna.Study") -> bytes:
    from optuna.importance import MeanDecreaseImpurityImportanceEvaluator, get_param_importances

    from dcgan_lightning.pictures.plots import draw_search

    # Optuna 2's default evaluator and its plots do not work with the NumPy and Matplotlib of today.
    evaluator = MeanDecreaseImpurityImportanceEvaluator(seed=0)
    scored = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    importances = get_param_importances(study, evaluator=evaluator) if len(scored) > 1 else {}
    return draw_search([trial.value for trial in study.trials], importances)
