"""What stands around a search by Optuna: where its study goes on, what it found."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_lightning.files import write_atomic

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

# Here, because the processes of parallel jobs import this module before they need it.
OmegaConf.register_new_resolver("add", lambda *numbers: sum(map(int, numbers)), replace=True)


class Study(Callback):
    """Let a search go on with its study, and draw what it found (see ``conf/sweep/optuna.yaml``)."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Go on where the study stands: only the trials that are left, and folders numbered onwards."""
        if (study := _load(config)) is None:
            return
        begun = len(study.trials)  # those that were interrupted have left folders too
        done = sum(trial.state.is_finished() for trial in study.trials)
        sweeper = config.hydra.sweeper
        log.info("going on with %s: %d of %d trials are done", sweeper.storage, done, sweeper.n_trials)
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
    """Return the search's study, or None if there is none yet or Optuna is not installed."""
    try:
        import optuna
    except ImportError:
        return None
    Path(config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)  # for the study's file
    sweeper = config.hydra.sweeper
    try:
        return optuna.load_study(study_name=sweeper.study_name, storage=sweeper.storage)
    except KeyError:
        return None


def _draw(study: "optuna.Study") -> bytes:
    from optuna.importance import MeanDecreaseImpurityImportanceEvaluator, get_param_importances

    from dcgan_lightning.pictures.plots import draw_search

    # Optuna 2's default evaluator and its plots do not work with the NumPy and Matplotlib of today.
    evaluator = MeanDecreaseImpurityImportanceEvaluator(seed=0)
    scored = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    importances = get_param_importances(study, evaluator=evaluator) if len(scored) > 1 else {}
    return draw_search([trial.value for trial in study.trials], importances)
