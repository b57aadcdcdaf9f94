"""The frame of all commands: a user's mistake is one line on stderr and exit code 1, without a traceback."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.command_line import read_arguments
from dcgan_lightning.config.hydra_files import leaving_nothing
from dcgan_lightning.config.messages import describe_not_text, is_hydras_error, missing_plugin, one_line
from dcgan_lightning.core.devices import shorten_spinning
from dcgan_lightning.core.errors import ConfigError, DCGANError
from dcgan_lightning.core.heartbeat import telling_of_imports
from dcgan_lightning.core.processes import is_first_process, note_command
from dcgan_lightning.core.signals import end_on_signals, exit_code, stop_ending
from dcgan_lightning.core.streams import keep_streams

# run_command sets HYDRA_FULL_ERROR for Hydra, and passes the user's value on to the job's other processes.
_USERS_CHOICE = "DCGAN_FULL_ERROR"
# Optuna's messages when a continued study has other choices.
_OTHER_CHOICES = ("does not support dynamic value space", "Cannot set different distribution kind")
_NO_OPTION = (
    "a group such as data cannot be null; choose one of its options, none for callbacks and logger, or leave "
    "experiment and sweep out"
)
USERS_ERRORS = (DCGANError, OSError)  # that a command refuses in one line
SHOW_TRACEBACKS = os.environ.get(_USERS_CHOICE, os.environ.get("HYDRA_FULL_ERROR")) == "1"


def run_command(command: Callable[[], Any], config_name: str = "train") -> NoReturn:
    """Run a Hydra command and exit: a user's mistake is one line on stderr and exit code 1.

    ``HYDRA_FULL_ERROR=1`` in the environment shows tracebacks instead.

    Args:
        command: The function decorated by ``hydra.main``.
        config_name: Name of the command's configuration in conf/.
    """
    from hydra.errors import HydraException

    keep_streams()
    shorten_spinning()
    os.environ[_USERS_CHOICE] = "1" if SHOW_TRACEBACKS else "0"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors
    # Commands draw into files only. Torchmetrics imports Matplotlib, which fails for an unknown backend and
    # for a matplotlibrc that is not UTF-8.
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    note_command()
    try:
        read_arguments(config_name)
        leaving_nothing(command)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        sys.exit(exit_code(signal.SIGINT))
    except (*USERS_ERRORS, HydraException, OmegaConfBaseException, YAMLError) as error:
        refuse(error, config_name)
    except UnicodeDecodeError as error:
        refuse(ConfigError(describe_not_text(error)), config_name)
    except ValueError as error:
        if str(error) in ("Record does not exist.", "No trials are completed yet."):  # Optuna's, of its best
            refuse(ConfigError("no job of this search returned a score; the reasons are above"), config_name)
        if any(text in str(error) for text in _OTHER_CHOICES):
            remedy = "give the same ones, or another run_name"
            refuse(ConfigError(f"this study has other choices for a setting; {remedy}"), config_name)
        if "Config group override" in str(error):  # Hydra's answer to group=null
            refuse(ConfigError(_NO_OPTION), config_name)
        if not is_hydras_error(error):
            raise
        refuse(error, config_name)
    except Exception as error:
        extra = missing_plugin(error)
        if extra is None and not is_hydras_error(error):
            raise
        refuse(extra or error, config_name)
    finally:
        stop_ending()
    sys.exit(0)


def entry_point(config_name: str, function: Callable[[DictConfig], object]) -> Callable[[], NoReturn]:
    """Return the ``main`` of a command that writes into folders of its own choice and not into Hydra's.

    Args:
        config_name: Name of the command's configuration in conf/.
        function: What the command does with the composed configuration.
    """

    def task(cfg: DictConfig) -> None:
        work_where_typed()
        end_on_signals()
        try:
            with telling_of_imports():
                function(cfg)
        except USERS_ERRORS as error:
            refuse(error, config_name)

    def main() -> NoReturn:
        """Run the command line."""
        import hydra

        task.__module__ = f"dcgan_lightning.{config_name}"  # after which Hydra names the job
        run_command(
            hydra.main(version_base="1.3", config_path=CONF_DIR, config_name=config_name)(task), config_name
        )

    return main


def work_where_typed() -> None:
    """Change back to the folder where the command was started, to which relative paths refer.

    With ``hydra.job.chdir=true`` Hydra changes to the run's folder.
    """
    from hydra.core.hydra_config import HydraConfig

    if HydraConfig.get().job.chdir:
        os.chdir(HydraConfig.get().runtime.cwd)


def refuse(error: Exception, config_name: str = "train") -> NoReturn:
    """Print an error in one line, or in one line per failed job of a sweep, and exit with code 1."""
    if SHOW_TRACEBACKS:
        raise error
    if is_first_process() or not getattr(error, "is_shared", False):
        print(f"error: {one_line(error, config_name)}", file=sys.stderr)
    sys.exit(1)
