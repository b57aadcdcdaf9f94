import contextlib
import signal
import threading
from pathlib import Path

import pytest
import pytorch_lightning as pl
from callback_training import make_trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities.exceptions import SIGTERMException

from dcgan_lightning.callbacks import Checkpoints, GracefulStop
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.runs.checkpoints import progress, read_checkpoint
from dcgan_lightning.systems import DCGAN

BOTH = (signal.SIGTERM, signal.SIGINT)


class SignalAt(Callback):
    """Send signals to this process in the middle of the third iteration."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self.numbers = numbers
        self.iterations = 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.iterations += 1
        if self.iterations == 3:
            for number in self.numbers:
                signal.raise_signal(number)


def fit(folder: Path, stop: GracefulStop, sender: SignalAt, *others: Callback) -> pl.Trainer:
    trainer = make_trainer(folder, [sender, stop, *others], epochs=2)
    system = DCGAN(batch_size=8, latent_dim=6, generator_channels=(8, 6, 4), discriminator_channels=(4, 6))
    with stop.armed(trainer):
        trainer.fit(system, datamodule=SyntheticDataModule(8, count=36))
    return trainer


@pytest.mark.parametrize("number", BOTH)
def test_the_iteration_is_finished(tmp_path: Path, number: signal.Signals) -> None:
    stop, sender = GracefulStop(), SignalAt(number)
    with pytest.raises(SIGTERMException):
        fit(tmp_path, stop, sender)
    assert sender.iterations == 3
    assert stop.signal == number
    assert stop.is_graceful


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize("with_checkpoints", [True, False])
def test_what_is_waited_for_is_said_at_once_and_what_is_saved_when_it_is(
    tmp_path: Path, number: signal.Signals, with_checkpoints: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Watcher(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            said.append(len(lines()))

        def on_exception(self, trainer, pl_module, exception) -> None:
            said.append(len(lines()))

    def lines() -> list[str]:
        records = caplog.records
        return [record.message.strip() for record in records if record.name.startswith("dcgan_lightning")]

    said: list[int] = []
    caplog.set_level("INFO")
    others = [Checkpoints()] if with_checkpoints else []
    with pytest.raises(SIGTERMException):
        fit(tmp_path, GracefulStop(), SignalAt(number), Watcher(), *others)
    what = ", then saving" if with_checkpoints else "; without callbacks.checkpoint nothing is saved"
    hint = "; press Ctrl-C again to stop at once" if number == signal.SIGINT else ""
    last = tmp_path / "checkpoints" / "last.ckpt"
    saved = f"saved {last} at epoch 1, iteration 3; finishing pictures and report"
    assert lines() == [f"finishing this iteration{what}{hint}", *([saved] if with_checkpoints else [])]
    assert said == [0, 0, 1, len(lines())]  # before pictures and film are written


def test_a_stop_at_the_end_of_an_epoch_names_that_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sender = SignalAt(signal.SIGTERM)
    sender.iterations = -2  # in the fifth iteration, the epoch's last
    caplog.set_level("INFO")
    with pytest.raises(SIGTERMException):
        fit(tmp_path, GracefulStop(), sender, Checkpoints())
    assert "last.ckpt at epoch 1; finishing pictures" in caplog.text


def test_a_stop_between_epochs_says_what_it_waits_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Drawing(Callback):
        def on_train_epoch_end(self, trainer, pl_module) -> None:
            signal.raise_signal(signal.SIGTERM)

    caplog.set_level("INFO")
    with pytest.raises(SIGTERMException):
        fit(tmp_path, GracefulStop(), Drawing(), Checkpoints())
    assert (
        "finishing the pictures, scores and files of this epoch and one more iteration, then" in caplog.text
    )


@pytest.mark.parametrize("number", BOTH)
def test_the_state_is_saved_before_anything_can_fail(tmp_path: Path, number: signal.Signals) -> None:
    class Unreachable(Callback):
        def on_exception(self, trainer, pl_module, exception) -> None:
            raise ConnectionError("no route to the tracker")

    with pytest.raises(ConnectionError):
        fit(tmp_path, GracefulStop(), SignalAt(number), Unreachable(), Checkpoints())
    assert progress(read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")) == (0, 3)


class AskAt(Callback):
    """End the training after an iteration, as Lightning's Timer does."""

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration
        self.iterations = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.iterations += 1
        trainer.should_stop = trainer.should_stop or self.iterations == self.iteration


@pytest.mark.parametrize("iteration", range(1, 11))
def test_a_callback_may_end_an_epoch_in_its_middle(tmp_path: Path, iteration: int) -> None:
    """Two epochs of five iterations: what is saved and counted is what was trained."""
    stop, asks = GracefulStop(), AskAt(iteration)
    ends_in_the_middle = iteration % 5 != 0
    expectation = pytest.raises(SIGTERMException) if ends_in_the_middle else contextlib.nullcontext()
    with expectation:
        fit(tmp_path, stop, asks, Checkpoints())
    assert asks.iterations == iteration
    assert progress(read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")) == divmod(iteration, 5)
    assert stop.iterations == iteration % 5
    assert stop.signal is None


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    stop = GracefulStop()
    with pytest.raises(SystemExit) as ending:  # Lightning's answer to a KeyboardInterrupt
        fit(tmp_path, stop, SignalAt(signal.SIGINT, signal.SIGINT))
    assert isinstance(ending.value.__context__, KeyboardInterrupt)
    assert not isinstance(ending.value, SIGTERMException)
    assert not stop.is_graceful


def test_a_second_sigterm_changes_nothing(tmp_path: Path) -> None:
    sender = SignalAt(signal.SIGTERM, signal.SIGTERM)
    with pytest.raises(SIGTERMException):
        fit(tmp_path, GracefulStop(), sender)
    assert sender.iterations == 3


def test_without_a_signal_all_is_trained_and_put_back(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in BOTH]
    sender = SignalAt()
    assert fit(tmp_path, GracefulStop(), sender).current_epoch == 2
    assert sender.iterations == 10
    assert [signal.getsignal(number) for number in BOTH] == before


def test_before_training_there_is_nothing_to_finish(tmp_path: Path) -> None:
    stop = GracefulStop()
    trainer = make_trainer(tmp_path, [stop])
    with pytest.raises(SystemExit) as ending, stop.armed(trainer):
        signal.raise_signal(signal.SIGTERM)
    assert ending.value.code == 143
    with pytest.raises(KeyboardInterrupt), stop.armed(trainer):
        signal.raise_signal(signal.SIGINT)


def test_another_thread_leaves_signals_alone(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in BOTH]
    during = []
    stop = GracefulStop()
    trainer = make_trainer(tmp_path, [stop])

    def arm() -> None:
        with stop.armed(trainer):
            during.extend(signal.getsignal(number) for number in BOTH)

    thread = threading.Thread(target=arm)
    thread.start()
    thread.join()
    assert during == before
