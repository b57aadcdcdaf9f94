"""Two folders of pictures as the domains of CycleGAN."""

from pathlib import Path

import pytest
import torch
from conftest import Compose, train_into
from picture_folder import CLASSES, make_folder

from dcgan_lightning.core.errors import ConfigError, DataError
from dcgan_lightning.data import ImageFolderDataModule, ImageFolderDomains
from dcgan_lightning.evaluate import evaluate
from dcgan_lightning.train import train
from dcgan_lightning.translate import translate

TINY = (
    *("experiment=cyclegan", "data=image_domains", "trainer=cpu", "trainer.max_epochs=1", "logger=none"),
    *("data.size=32", "data.batch_size=8", "data.holdout=0.3", "trainer.limit_train_batches=3"),
    *("model.generator_channels=[4,6]", "model.blocks=1", "model.discriminator_channels=[4,6,8]"),
    *("callbacks.sample_grid.columns=3", "callbacks.sample_grid.rows=2", "report=false"),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("domains") / "pictures", 60)


def module_of(pictures: Path, domains: list[str] | None) -> ImageFolderDomains:
    return ImageFolderDomains(
        domains, 8, root=str(pictures), size=28, cache_dir=str(pictures.parent / "cache")
    )


def test_the_domains_are_the_images_of_two_folders(pictures: Path) -> None:
    module = module_of(pictures, ["Red ring", "blue_disc"])
    module.prepare_data()
    images, labels = module.load_split("train")
    whole = ImageFolderDataModule(8, root=str(pictures), size=28, cache_dir=str(pictures.parent / "cache"))
    expected, classes = whole.load_split("train")
    for domain, name in enumerate(("red_ring", "blue_disc")):
        of_class = {image.numpy().tobytes() for image in expected[classes == CLASSES.index(name)]}
        found = {image.numpy().tobytes() for image in images[labels == domain]}
        assert found <= of_class
        assert len(found) >= len(of_class) - 1  # an odd number cannot be divided
    assert module.fingerprint == whole.fingerprint


def test_a_folder_and_a_transformation_of_it(pictures: Path) -> None:
    images, labels = module_of(pictures, ["green_bar", "negative"]).load_split("test")
    assert torch.equal(images[labels == 1], 255 - images[labels == 0])


def test_without_a_choice_there_must_be_two_folders(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        module_of(pictures, None).prepare_data()
    assert str(caught.value) == (
        f"the images in data.root={pictures} lie in 3 folders (blue_disc, green_bar, red_ring); choose two "
        "with data.domains=[blue_disc,green_bar]"
    )
    root = tmp_path / "copied"
    for name in ("Winter", "Summer days"):
        (root / name).mkdir(parents=True)
        for path in [*(pictures / "green_bar").glob("*.bmp")]:
            (root / name / path.name).write_bytes(path.read_bytes())
    module = module_of(root, None)
    module.prepare_data()
    assert module.domains == ("summer_days", "winter")


@pytest.mark.parametrize(
    ("names", "message"),
    [((), "have no domains: put the pictures"), (("A b", "a_b"), "two folders have the same name but for")],
)
def test_folders_that_are_no_domains(
    pictures: Path, tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    for name in names or ("",):
        (tmp_path / "root" / name).mkdir(parents=True)
        for path in (pictures / "green_bar").glob("*.bmp"):
            (tmp_path / "root" / name / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=message):
        module_of(tmp_path / "root", None).prepare_data()


def test_cyclegan_goes_all_the_way(compose_cfg: Compose, pictures: Path, tmp_path: Path) -> None:
    data = (
        f"data.root={pictures}",
        f"data.cache_dir={tmp_path / 'cache'}",
        "data.domains=[blue_disc,red_ring]",
    )
    run = train_into(tmp_path / "run", *TINY, *data)
    assert (run / "checkpoints" / "last.ckpt").is_file()
    report = evaluate(compose_cfg(f"ckpt_path={run}", "count=20", config_name="evaluate"))
    assert {"cycle_l1_a_to_b", "cycle_l1_b_to_a"} <= {*report["mean"]}
    made = tmp_path / "made"
    translate(compose_cfg(f"ckpt_path={run}", "n=3", f"output_dir={made}", config_name="translate"))
    assert [*made.rglob("*.png")]


def test_a_wrong_choice_is_refused(compose_cfg: Compose, pictures: Path) -> None:
    with pytest.raises(ConfigError, match=r"data=image_domains needs data\.root: the folder"):
        train(compose_cfg(*TINY))
    with pytest.raises(
        DataError, match=r"data\.domains: sneaker is not one of blue_disc, green_bar, red_ring"
    ):
        module_of(pictures, ["sneaker", "blue_disc"]).prepare_data()
    with pytest.raises(ConfigError, match=r"data\.domains is missing; give two, as"):
        train(compose_cfg("experiment=cyclegan", "data.domains=null"))
