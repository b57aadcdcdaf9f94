"""Settings of the systems: names, limits, and what fits together."""

from collections.abc import Callable

import pytest
from conftest import rows_of
from omegaconf import DictConfig, OmegaConf

from dcgan_lightning.config.build import build, parameters_of
from dcgan_lightning.config.systems import all_model_rules, gan, model_problem, model_rules
from dcgan_lightning.config.validate import validate
from dcgan_lightning.core.errors import ConfigError

Compose = Callable[..., DictConfig]
GANS = ["dcgan", "sngan"]


def test_names_are_those_of_losses_penalties_and_augmentations() -> None:
    from dcgan_lightning.losses import LOSSES, PENALTIES
    from dcgan_lightning.networks.augmentation import AUGMENTATIONS

    assert [*LOSSES] == [*gan.LOSSES]
    assert {name for name, loss in LOSSES.items() if not loss.allows_single_pass} == {*gan.TWO_PASS_LOSSES}
    assert [*PENALTIES] == [*gan.PENALTIES]
    assert [*AUGMENTATIONS] == [*gan.AUGMENTATIONS]


@pytest.mark.parametrize("name", [*GANS, "cyclegan", "pix2pix", "style"])
def test_every_setting_of_a_system_has_a_check_and_a_default(compose_cfg: Compose, name: str) -> None:
    from hydra.utils import get_class

    model = compose_cfg(f"model={name}").model
    parameters = {*parameters_of(get_class(model._target_))}
    checked = {key.removeprefix("model.") for key in model_rules(model._target_)}
    assert parameters == checked == {str(key) for key in model} - {"_target_"}


@pytest.mark.parametrize(
    ("target", "key", "meant"), [("SNGAN", "outputs", "output"), ("DCGAN", "penalties", "penalty")]
)
def test_an_unknown_argument_is_refused_by_name(target: str, key: str, meant: str) -> None:
    model = OmegaConf.create({"model": {"_target_": f"dcgan_lightning.systems.{target}", key: 1}}).model
    with pytest.raises(ConfigError, match=f"unknown key 'model.{key}'; did you mean 'model.{meant}'"):
        build(model)


def test_unknown_systems_have_no_settings() -> None:
    assert model_rules("dcgan_lightning.systems.Nothing") == {}
    assert model_rules(None) == {}
    assert model_problem({"_target_": "x"}, {}) is None
    assert {"model.dropout", "model.output", "model.loss"} <= all_model_rules().keys()


@pytest.mark.parametrize("name", GANS)
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.loss=wgan"], "model.loss must be one of non_saturating, hinge, .*; got 'wgan'"),
        (["model.penalty=r3"], "model.penalty must be one of null, r1, .*; got 'r3'"),
        (
            ["model.augmentation=[flip]"],
            r"model.augmentation must be a list of some of translation, .*, or \[\]",
        ),
        (["model.augmentation=[grey,grey]"], "model.augmentation must be a list"),
        *(
            (
                [f"model.augmentation_probability={value}"],
                f"model.augmentation_probability must be a number above 0 and up to 1; got {value}",
            )
            for value in (0, 1.5)
        ),
        (["model.lr_decay=1.5"], "model.lr_decay must be a number from 0 to 1; got 1.5"),
        (["model.discriminator_steps=0"], "model.discriminator_steps must be a whole number from 1 to 100"),
        (["model.penalty=r1", "model.compile_mode=default"], "model.penalty=r1 needs second derivatives"),
        (["model.loss=hinge", "model.compile_mode=default"], "model.loss=hinge needs two backward passes"),
        (["data=synthetic", "data.channels=3", "model.image_channels=1"], "model.image_channels must be 3"),
        (["data=synthetic", "data.size=30"], "data.size must be one of 28, 32, 48, 64, 96, 128; got 30"),
        (["data=synthetic", "model.image_size=64"], "model.image_size must be 28, as data.size is; got 64"),
        (["model.image_size=65"], "model.image_size must be one of 28, 32, 48, 64, 96, 128; got 65"),
        (
            ["data=synthetic", "data.size=32", "model.discriminator_channels=[4,4,4,4]"],
            "model.discriminator_channels may have [23] numbers for images of 32 pixels a side; got 4",
        ),
    ],
)
def test_what_cannot_work_is_refused(
    compose_cfg: Compose, name: str, overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(compose_cfg(f"model={name}", *overrides))


REFUSED = {  # by experiment and override
    "cyclegan": {
        "data=fashion_mnist": "model=cyclegan needs two domains: use data=domains",
        "data.domains=[sneaker,shoe]": "data.domains: shoe is not one of t_shirt, trouser",
        "data.domains=[coat,Coat]": "data.domains must be two different ones; got coat twice",
        "data.domains=[coat]": r"data.domains must be a list of two",
        "data.domains=coat": r"data.domains must be a list of two",
        "data.batch_size=31": "data.batch_size must be even",
        "model.image_channels=3": "model.image_channels must be 1",
        "model.image_size=30": "model.image_size must be a multiple of 4",
        "model.loss=relativistic": "model.loss must be one of least_squares, non_saturating, hinge",
        "model.pool_size=-1": "model.pool_size must be a whole number",
        "model.cycle_weight=-1": "model.cycle_weight must be a number of at least 0",
    },
    "pix2pix": {
        "model.task=colour": "model.task must be one of edges, inpainting, super_resolution, denoising",
        "model.image_size=30": "model.image_size=30 cannot be halved 2 times",
        "model.image_size=36 model.generator_channels=[4,6,8,10]": "=36 cannot be halved 3 times",
        "model.generator_channels=[4]": "model.generator_channels must be a list of 2 to 7 values",
        "model.image_channels=3": "model.image_channels must be 1",
        "model.adversarial_weight=0 model.l1_weight=0": "the generator would learn nothing",
        "model.dropout=1": "model.dropout must be a number from 0",
        "model.loss=gan": "model.loss must be one of",
    },
    "style": {
        "style=fashion_mnist:3": "model.style must be one of stripes, checks, dots, knit, or an image file",
        "model.channels=[8,4]": r"model.channels must have 3 numbers for model.scale=4; got \[8, 4\]",
        "model.scale=3": "model.scale must be one of 1, 2, 4; got 3",
        "model.features=vgg19": "model.features=vgg19 needs model.weights=FILE, torchvision's",
        "model.weights=x": "model.weights=x is for model.features=vgg19; features=classifier brings",
        "model.image_channels=3": "model.image_channels must be 1",
    },
}


@pytest.mark.parametrize(("experiment", "overrides", "message"), rows_of(REFUSED))
def test_what_cannot_work_is_refused_in_one_line(
    compose_cfg: Compose, experiment: str, overrides: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        validate(compose_cfg(f"experiment={experiment}", *overrides.split()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", ["dcgan", "sngan", "pix2pix", "style"])
def test_the_networks_follow_the_data(compose_cfg: Compose, model: str) -> None:
    cfg = compose_cfg(f"model={model}", "data=synthetic", "data.size=64", "data.channels=3")
    assert (cfg.model.image_size, cfg.model.image_channels) == (64, 3)
    validate(cfg)
    assert compose_cfg(f"model={model}").model.image_size == 28


def test_wasserstein_needs_a_bound(compose_cfg: Compose) -> None:
    with pytest.raises(ConfigError, match=r"wasserstein needs a bound on the discriminator"):
        validate(compose_cfg("model=dcgan", "model.loss=wasserstein"))
    validate(compose_cfg("model=dcgan", "model.loss=wasserstein", "model.penalty=gradient_penalty"))
    validate(compose_cfg("model=sngan", "model.loss=wasserstein"))
    with pytest.raises(ConfigError, match="needs a bound"):
        validate(compose_cfg("model=sngan", "model.loss=wasserstein", "model.spectral=false"))


def test_a_setting_of_another_system_is_unknown(compose_cfg: Compose) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'model\.dropout'"):
        validate(compose_cfg("model=sngan", "+model.dropout=0.5"))
