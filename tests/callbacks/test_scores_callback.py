import csv
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from callback_training import make_trainer
from pytorch_lightning.loggers import CSVLogger

from dcgan_lightning.callbacks import AveragedGenerator, Checkpoints, Scores
from dcgan_lightning.callbacks import scores as scores_module
from dcgan_lightning.core.errors import ConfigError, DataError, ScoreError
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.evaluation.real_images import RealImages
from dcgan_lightning.evaluation.scores import CHEAP_METRICS, score_images
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.runs.checkpoints import progress, read_checkpoint
from dcgan_lightning.systems import DCGAN

COUNT = 136  # images, more than the classifier's features
ITERATIONS = 4  # an epoch
VARIED = {f"class {number}": 0.1 for number in range(10)}


def train(
    folder: Path,
    callbacks: list[pl.Callback],
    epochs: int = 1,
    ckpt_path: Path | None = None,
    logger: object = False,
    **options: int,
) -> DCGAN:
    system = DCGAN(batch_size=34, latent_dim=6, generator_channels=(8, 6, 4), discriminator_channels=(4, 6))
    data = SyntheticDataModule(34, **({"count": COUNT} | options))
    data.setup()
    make_trainer(folder, callbacks, epochs, logger).fit(system, datamodule=data, ckpt_path=ckpt_path)
    return system


def table(folder: Path) -> list[dict[str, float]]:
    with open(folder / "history" / "scores.csv") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def give(monkeypatch: pytest.MonkeyPatch, distances: list[float], divergences: list[float]) -> None:
    """Replace the scores by given ones, one after the other."""
    given = iter(zip(distances, divergences, strict=True))

    def score(images: torch.Tensor, *arguments: object) -> dict[str, Any]:
        distance, divergence = next(given)
        scores = dict.fromkeys(scores_module.SCORE_NAMES, 0.5)
        scores |= {"frechet_distance": distance, "class_divergence": divergence}
        return scores | {"count": len(images), "class_histogram": VARIED | {"class 3": 0.8}}

    monkeypatch.setattr(scores_module, "score_images", score)


def test_scores_are_those_of_the_images_and_the_training_images(tmp_path: Path) -> None:
    callback = Scores(count=130)
    system = train(tmp_path, [callback], epochs=2)
    rows = table(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2]
    data = SyntheticDataModule(34, count=COUNT)
    data.setup()
    reference = callback._real.reference
    every = {image.numpy().tobytes() for image in data.images}
    assert len(reference) == 130
    assert {image.numpy().tobytes() for image in reference} <= every
    expected = score_images(
        sample_images(system.generator, 130), RealImages(reference), metrics=CHEAP_METRICS
    )
    for name in scores_module.SCORE_NAMES:
        assert rows[-1][name] == pytest.approx(expected[name], rel=1e-8)
    assert callback.best.value == pytest.approx(min(row["frechet_distance"] for row in rows), rel=1e-8)
    assert (tmp_path / "history" / "scores.png").stat().st_size > 5000


def test_the_training_is_not_touched(tmp_path: Path) -> None:
    scored = train(tmp_path / "scored", [Scores(count=130)], epochs=2).state_dict()
    plain = train(tmp_path / "plain", [], epochs=2).state_dict()
    assert all(torch.equal(scored[name], plain[name]) for name in plain)


def test_the_best_checkpoint_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, [5.0, 3.0, float("nan"), 4.0], [0.0] * 4)
    callback = Scores(count=130)
    train(tmp_path, [callback, Checkpoints()], epochs=4)
    assert callback.best == (3.0, 2)
    checkpoint = read_checkpoint(tmp_path / "checkpoints" / "best.ckpt")
    assert progress(checkpoint) == (2, 0)
    assert checkpoint["callbacks"]["Scores"]["rows"][:, 2].tolist() == [5.0, 3.0]


def test_every_few_epochs_and_after_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, [5.0, 3.0], [0.0] * 2)
    train(tmp_path, [Scores(every_n_epochs=2, count=130)], epochs=3)
    assert [row["epoch"] for row in table(tmp_path)] == [2, 3]


def test_a_resumed_run_has_the_same_scores(tmp_path: Path) -> None:
    def callbacks() -> list[pl.Callback]:
        return [AveragedGenerator(0.5), Scores(count=130), Checkpoints()]

    train(tmp_path / "whole", callbacks(), epochs=3)
    train(tmp_path / "parts", callbacks(), epochs=2)
    train(
        tmp_path / "parts", callbacks(), epochs=3, ckpt_path=tmp_path / "parts" / "checkpoints" / "last.ckpt"
    )
    whole, parts = (
        np.array(
            [[value for name, value in row.items() if name != "seconds"] for row in table(tmp_path / run)]
        )
        for run in ("whole", "parts")
    )
    np.testing.assert_array_equal(whole, parts)


def test_scores_of_another_number_of_images_are_refused(tmp_path: Path) -> None:
    train(tmp_path, [Scores(count=130), Checkpoints()])
    last = tmp_path / "checkpoints" / "last.ckpt"
    with pytest.raises(ConfigError, match=r"callbacks.scores.count=131, but .* scores are of 130 images"):
        train(tmp_path, [Scores(count=131), Checkpoints()], epochs=2, ckpt_path=last)


def test_scores_of_a_run_stay_comparable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.MonkeyPatch.context() as patch:  # as if there were no classifier of these images
        patch.setattr("dcgan_lightning.callbacks.scores.choose_features", lambda *arguments: "random")
        train(tmp_path, [Scores(count=130), Checkpoints()])
    last = tmp_path / "checkpoints" / "last.ckpt"
    train(tmp_path, [Scores(count=130), Checkpoints()], epochs=2, ckpt_path=last)
    assert "features=random as before" in caplog.text
    distances = [row["frechet_distance"] for row in table(tmp_path)]
    assert distances[1] / distances[0] == pytest.approx(1, abs=0.5)  # the classifier's are in other units

    state = {"rows": torch.zeros(0, 16), "count": 130, "features": "classifier 0123456789ab"}
    callback = Scores(count=130)
    callback._label = "classifier ba9876543210"
    callback._real = RealImages(torch.zeros(4, 1, 28, 28, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="measured with classifier 0123456789ab, which is gone"):
        callback.load_state_dict(state)


def test_the_averaged_generator_is_scored_where_there_is_one(tmp_path: Path) -> None:
    for name, averaged in (("auto", None), ("no", False)):
        train(tmp_path / name, [AveragedGenerator(), Scores(count=130, averaged=averaged)])
    train(tmp_path / "none", [Scores(count=130)])
    auto, live, plain = (table(tmp_path / name)[0]["frechet_distance"] for name in ("auto", "no", "none"))
    assert live == plain
    assert auto != live


def test_few_classes_are_said_once_until_there_are_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    give(monkeypatch, [1.0, 2.0, 2.0, 2.0, 2.0], [0.1, 2.0, 2.0, 0.1, 1.5])
    with caplog.at_level(logging.WARNING):
        train(tmp_path, [Scores(count=130), Checkpoints()], epochs=5)
    said = [record.getMessage() for record in caplog.records if "mode collapse" in record.getMessage()]
    assert len(said) == 2
    assert "after epoch 2, 80 % of 130 images look like class 3 (as varied as 1.4 of 10 classes)" in said[0]
    assert "coverage 0.50; checkpoints/best.ckpt is of epoch 1" in said[0]
    assert "after epoch 5" in said[1]


def test_loggers_get_the_scores(tmp_path: Path) -> None:
    system_folder = tmp_path / "run"
    train(system_folder, [Scores(count=130)], epochs=2, logger=CSVLogger(tmp_path, name="logs"))
    with open(tmp_path / "logs" / "version_0" / "metrics.csv") as file:
        logged = [row for row in csv.DictReader(file) if row["score/frechet_distance"]]
    assert [int(row["step"]) for row in logged] == [ITERATIONS - 1, 2 * ITERATIONS - 1]
    distances = [row["frechet_distance"] for row in table(system_folder)]
    assert [float(row["score/frechet_distance"]) for row in logged] == pytest.approx(distances, rel=1e-6)


def test_data_that_cannot_be_scored_are_refused_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="too few"):
        train(tmp_path, [Scores(count=130)], count=100)
    assert not (tmp_path / "history").exists()


def test_images_in_colour_are_scored_by_weak_features(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def scored(epochs: int, ckpt_path: Path | None = None) -> Scores:
        callback = Scores(count=130)
        system = DCGAN(
            batch_size=34,
            latent_dim=6,
            image_size=32,
            image_channels=3,
            generator_channels=(8, 6, 4),
            discriminator_channels=(4, 6),
        )
        data = SyntheticDataModule(34, count=COUNT, size=32, channels=3)
        data.setup()
        trainer = make_trainer(tmp_path, [callback, Checkpoints()], epochs, CSVLogger(tmp_path))
        trainer.fit(system, datamodule=data, ckpt_path=ckpt_path)
        return callback

    scored(1)
    callback = scored(2, tmp_path / "checkpoints" / "last.ckpt")
    rows = table(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(row["frechet_distance"] > 0 for row in rows)
    assert np.isnan([row["class_divergence"] for row in rows]).all()
    assert callback.best is not None
    assert (tmp_path / "checkpoints" / "best.ckpt").exists()
    assert "callbacks.scores: no classifier was trained on these images" in caplog.text
    anchors = next(line for line in caplog.messages if line.startswith("scores of 130 held-out images, "))
    assert "seen through random" in anchors
    distances = [float(part.split("distance ")[1].split(",")[0]) for part in anchors.split("; ")]
    assert distances[0] == min(distances)  # real images; then noise, blur and their mean
    assert len(distances) == 4


def test_without_enough_held_out_images_there_are_no_anchors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    whole = SyntheticDataModule.load_images

    def few(self: SyntheticDataModule, split: str = "train") -> torch.Tensor:
        if split == "test":
            raise DataError("leaves no held-out images")
        return whole(self, split)

    monkeypatch.setattr(SyntheticDataModule, "load_images", few)
    train(tmp_path, [Scores(count=130)])
    assert "no scores of real images to compare with: leaves no held-out images" in caplog.text
    assert len(table(tmp_path)) == 1


@pytest.mark.parametrize(("count", "is_said"), [(COUNT, True), (COUNT - 2, False)])
def test_a_generator_that_repeats_few_images_is_said_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    count: int,
    is_said: bool,
) -> None:
    """With fewer images in the comparison than there are to train on, repetition is not looked for."""
    data = SyntheticDataModule(34, count=COUNT)
    data.setup()
    noise = torch.randint(256, (COUNT, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    new = noise.to(torch.uint8)
    copied = iter([0, 9, 9, 1, 8])  # of 136 images each; the warning begins at 5 %, about 7

    def sample(system: DCGAN, wanted: int, *_: object) -> torch.Tensor:
        copies = next(copied)
        return torch.cat([data.images[:copies], new[copies:]])[:wanted]

    monkeypatch.setattr(DCGAN, "sample", sample)
    with caplog.at_level(logging.WARNING):
        train(tmp_path, [Scores(count=count)], epochs=5)
    said = [text for text in caplog.messages if "repeats training images" in text]
    assert [text.partition(" the generator")[0] for text in said] == (
        ["after epoch 2", "after epoch 5"] if is_said else []
    )
