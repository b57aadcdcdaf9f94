import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Compose
from omegaconf import OmegaConf

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.commands import COMMANDS
from dcgan_lightning.config.validate import check_command, validate
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.training.fingerprint import check_fingerprint, default_settings, fingerprint


def test_the_defaults_are_valid(compose_cfg: Compose) -> None:
    validate(compose_cfg())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.batch_size=0", "data.batch_size must be a whole number of at least 2; got 0"),
        ("data.batch_size=-1", "data.batch_size must be a whole number of at least 2; got -1"),
        ("data.batch_size=1", "data.batch_size must be a whole number of at least 2; got 1"),
        ("data.batch_size=2.5", "data.batch_size must be a whole number of at least 2; got 2.5"),
        ("data.batch_size='64'", "data.batch_size must be a whole number of at least 2; got '64'"),
        ("data.batch_size=null", "data.batch_size must be a whole number of at least 2; got None"),
        ("data.batch_size=true", "data.batch_size must be a whole number of at least 2; got True"),
        (
            "data.batch_size=60001",
            "must be at most 60000, the number of images; got 60001; use data.batch_size=6",
        ),
        ("+data.channels=2", "data.channels must be one of 1, 3; got 2"),
        ("model.image_channels=5", "model.image_channels must be one of 1, 3; got 5"),
        ("report=1.5", "report must be one of True, False; got 1.5"),
        ("report=null", "report must be one of True, False; got None"),
        ("callbacks.film.frame_ms=25", "callbacks.film.frame_ms must be a multiple of 10"),
        ("tf32=1", "tf32 must be one of True, False; got 1"),
        ("trainer.max_epochs=0", "trainer.max_epochs must be a whole number of at least 1; got 0"),
        ("trainer.max_epochs=-1", "trainer.max_epochs must be a whole number of at least 1; got -1"),
        ("trainer.max_epochs='5'", "trainer.max_epochs must be a whole number of at least 1; got '5'"),
        ("trainer.max_epochs=2.5", "trainer.max_epochs must be a whole number of at least 1; got 2.5"),
        (
            "trainer.limit_train_batches=0",
            "trainer.limit_train_batches must be a whole number of at least 1 or",
        ),
        ("trainer.limit_train_batches=0.0", "a share above 0.0 and up to 1.0; got 0.0"),
        ("+trainer.max_steps=100", "trainer.max_steps is not offered: it counts optimizer steps"),
        (
            "trainer.accelerator=banana",
            "trainer.accelerator must be one of auto, cpu, gpu, cuda; got 'banana'",
        ),
        (
            "trainer.devices=0",
            "trainer.devices must be a whole number of at least 1, a list of",
        ),
        (
            "trainer.devices=[]",
            "trainer.devices must be a whole number of at least 1, a list of",
        ),
        ("trainer.devices=5", "data.batch_size=256 cannot be shared equally by 5 processes"),
        ("trainer.devices=all", "or auto; got 'all'"),
        (
            "trainer.precision=16-mixed",
            "trainer.precision must be one of 32-true, bf16-mixed; got '16-mixed'",
        ),
        ("model.generator_lr=abc", "model.generator_lr must be a number above 0; got 'abc'"),
        ("model.generator_lr=-1", "model.generator_lr must be a number above 0; got -1"),
        ("model.discriminator_lr=nan", "model.discriminator_lr must be a number above 0; got nan"),
        ("model.discriminator_lr=inf", "model.discriminator_lr must be a number above 0; got inf"),
        ("model.betas=[1.5,0.9]", "model.betas must be a list of 2, each a number from 0 up to"),
        ("model.betas=[0.5]", "model.betas must be a list of 2"),
        ("model.betas=0.5", "model.betas must be a list of 2"),
        ("model.latent_dim=0", "model.latent_dim must be a whole number from 1 to 65536; got 0"),
        ("model.latent_dim=-5", "model.latent_dim must be a whole number from 1 to 65536; got -5"),
        ("model.generator_channels=[8,8]", "model.generator_channels must be a list of 3 to 5 values"),
        (
            "model.generator_channels=[8,0,8]",
            "model.generator_channels must be a list of 3 to 5 values, each a whole number",
        ),
        ("model.discriminator_channels=8", "model.discriminator_channels must be a list of 2 to 4 values"),
        (
            "model.image_channels=3",
            "model.image_channels must be 1, the number of the data's channels; got 3",
        ),
        ("model.dropout=1", "model.dropout must be a number from 0 up to, but not including, 1; got 1"),
        ("model.initialization=he", "model.initialization must be one of glorot_uniform, normal; got 'he'"),
        ("seed=-1", "seed must be a whole number from 0 to 4294967295; got -1"),
        ("seed=4294967296", "seed must be a whole number from 0 to 4294967295; got 4294967296"),
        ("seed=abc", "seed must be a whole number from 0 to 4294967295; got 'abc'"),
        ("tf32=fast", "tf32 must be one of True, False; got 'fast'"),
        (
            "model.fast_paths=sometimes",
            "model.fast_paths must be one of auto, True, False, bfloat16; got 'sometimes'",
        ),
        (
            "model.compile_mode=quick",
            "model.compile_mode must be one of null, default, reduce-overhead, max-autotune; got 'quick'",
        ),
        ("threads=0", "threads must be a whole number from 1 to 1024, or null; got 0"),
        ("data.verify=false", "data.verify=false needs data.root"),
        ("callbacks.sample_grid=null", "callbacks.film needs callbacks.sample_grid"),
        (
            "callbacks.sample_grid.every_n_iterations=0",
            "callbacks.sample_grid.every_n_iterations must be a whole",
        ),
        (
            "+callbacks.collapse.least_variety=2",
            "callbacks.collapse.least_variety must be a number from 0 to 1; got 2",
        ),
        ("callbacks.film.file_name=../x.gif", "callbacks.film.file_name must be a file name without folders"),
        ("model._target_=os.system", "model._target_: 'os.system' may not be built"),
        ("+callbacks.x._target_=builtins.open", "callbacks.x._target_: 'builtins.open' may not be built"),
        (
            "+trainer.plugins=[{_target_: os.system}]",
            "trainer.plugins.0._target_: 'os.system' may not be built",
        ),
        ("model._target_=dcgan_lightning.data.fashion_mnist.cache.shutil.rmtree", "rmtree' may not be built"),
        ("model._target_=[os.system]", "model._target_: ['os.system'] may not be built"),
        ("model._target_=null", "model._target_: None may not be built"),
        ("+foo.bar=1", "unknown key 'foo'"),
        ("+trainer.foo=1", "unknown key 'trainer.foo'; --help lists all keys"),
        ("+trainer.max_epoch=1", "unknown key 'trainer.max_epoch'; did you mean 'trainer.max_epochs'?"),
        ("+model.learning_rate=1", "unknown key 'model.learning_rate'"),
        ("+trainer.strategy=ddp", "trainer.strategy is not offered: it follows from trainer.devices"),
        ("trainer.default_root_dir=/x", "trainer.default_root_dir must be ${paths.output_dir}"),
        ("run_name=../../x", "run_name must be a name below outputs/, without .."),
        ("run_name=2024", "got 2024; quotes make it a text: \"run_name='2024'\""),
        ("run_name=1e5", "got 100000.0; quotes make it a text: \"run_name='...'\""),
        (f"callbacks.film.file_name={'x' * 240}.gif", "of at most 200 bytes, that ends in .gif"),
        ("run_name=.", "run_name must be a name below outputs/"),
        ("run_name=a//b", "run_name must be a name below outputs/"),
        (f"run_name={'x' * 256}", "run_name must be a name below outputs/"),
        ("logger.csv.name=../../x", "logger.csv.name must be a name below outputs/"),
        ("callbacks.checkpoint=true", "callbacks.checkpoint must be a group of values, or null; got True"),
        ("logger.csv=5", "logger.csv must be a group of values, or null; got 5"),
        ("data.batch_size={a: 1}", "data.batch_size must be a whole number of at least 2; got {'a': 1}"),
        ("model.seed=abc", "model.seed must be a whole number from 0 to 4294967295; got 'abc'"),
        ("callbacks.sample_grid.rows=100000", "callbacks.sample_grid.rows must be a whole number from 1 to"),
        ("model.generator_channels=[100000,8,8]", "each a whole number from 1 to 4096"),
        ("run_name=/x", "run_name must be a name below outputs/, without .."),
        ("~data", "model.batch_size: Interpolation key 'data.batch_size' not found"),
        ("~model", "model is missing or empty; choose it as in model=dcgan"),
        ("~trainer", "trainer is missing or empty; choose it as in trainer=auto"),
        ("model.seed=${nope}", "model.seed: "),
    ],
)
def test_bad_values_are_named_in_one_line(compose_cfg: Compose, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(compose_cfg(override))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("model=sngan", "model.fast_paths must be one of auto, True, False; got 'bfloat16'"),
        ("model.compile_mode=default", "has no effect on compiled networks"),
        ("trainer.precision=bf16-mixed", "has no effect with trainer.precision=bf16-mixed"),
    ],
)
def test_rounded_products_are_refused_where_there_are_none(
    compose_cfg: Compose, other: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        validate(compose_cfg(other, "model.fast_paths=bfloat16"))


@pytest.mark.parametrize(
    ("name", "choice"),
    [("sample_grid", "[default,averaged_generator]"), ("scores", "[default,averaged_generator,scores]")],
)
def test_what_is_to_use_the_average_needs_it(compose_cfg: Compose, name: str, choice: str) -> None:
    without = choice.replace("averaged_generator,", "").replace(",averaged_generator", "")
    averaged = f"callbacks.{name}.averaged=true"
    with pytest.raises(ConfigError) as caught:
        validate(compose_cfg(f"callbacks={without}", averaged))
    assert str(caught.value) == f"{averaged} needs the averaged generator: callbacks={choice}"
    validate(compose_cfg(f"callbacks={choice}", averaged))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("ckpt_path=null", "ckpt_path must be a run's folder or a checkpoint file, as in ckpt_path="),
        ("ckpt_path=''", "ckpt_path must be a run's folder or a checkpoint file"),
        ("n=0", "n must be a whole number from 1 to 1000000, or null; got 0"),
        ("n=-3", "n must be a whole number from 1 to 1000000, or null; got -3"),
        ("n=1000001", "n must be a whole number from 1 to 1000000, or null; got 1000001"),
        ("n=2.5", "n must be a whole number from 1 to 1000000, or null; got 2.5"),
        ("n=many", "n must be a whole number from 1 to 1000000, or null; got 'many'"),
        ("mode=dance", "mode must be one of images, interpolate, walk, neighbours, atlas; got 'dance'"),
        (
            "mode=atlas class=a/boot",
            "class must be the name of a class, its number, or a list of classes, or null; got 'a/boot'",
        ),
        ("class=[bag,bag]", "or a list of classes, or null; got ['bag', 'bag']"),
        ("class=-1", "or a list of classes, or null; got -1"),
        ("mode=walk npz=true", "npz=true goes with mode=images only; got mode=walk"),
        ("mode=walk n=1", "n must be from 2 to 100 points with mode=walk; got 1"),
        ("mode=neighbours n=101", "n must be from 1 to 100 images with mode=neighbours; got 101"),
        ("mode=atlas n=101", "n must be from 1 to 100 images a class with mode=atlas; got 101"),
        (
            "mode=atlas class=bag n=10001",
            "n must be from 1 to 10,000 images with mode=atlas class=bag; got 10001",
        ),
        ("mode=walk frame_ms=25", "frame_ms must be a multiple of 10, the unit of GIF files, from 20"),
        ("mode=walk steps=0", "steps must be a whole number from 1 to 240; got 0"),
        ("mode=walk tours=26", "tours must be a whole number from 1 to 25; got 26"),
        (
            "mode=walk n=100 steps=240 scale=16",
            "the film would have 24,000 frames of 1472 x 1472 pixels; use a smaller n, steps, tours or",
        ),
        (
            "mode=interpolate n=100 steps=240 scale=4",
            "the film would have 23,761 frames of 224 x 224 pixels; use a smaller n, steps, tours or scale",
        ),
        ("format=avi", "format must be one of gif, mp4; got 'avi'"),
        ("averaged=maybe", "averaged must be one of auto, True, False; got 'maybe'"),
        ("seed=-1", "seed must be a whole number from 0 to 4294967295; got -1"),
        ("first=-1", "first must be a whole number from 0 to 1000000000; got -1"),
        ("columns=0", "columns must be a whole number from 1 to 100, or null; got 0"),
        ("scale=0", "scale must be a whole number from 1 to 16, or null; got 0"),
        ("device=tpu", "device must be one of auto, cpu, cuda; got 'tpu'"),
        ("+steeps=3", "unknown key 'steeps'; did you mean 'steps'?"),
        ("+data.roots=x", "unknown key 'data.roots'; did you mean 'data.root'?"),
        ("~steps", "steps is missing; set it with steps=..."),
        ("+data.verify=maybe", "data.verify must be one of True, False; got 'maybe'"),
        ("data=synthetic data._target_=os.system", "data._target_: 'os.system' may not be built"),
    ],
)
def test_generates_bad_values_are_named_in_one_line(
    compose_cfg: Compose, overrides: str, message: str
) -> None:
    given = overrides.split()
    with pytest.raises(ConfigError) as caught:
        check_command(compose_cfg("ckpt_path=x", *given, config_name="generate"), "generate")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_generates_limits_are_good_values(compose_cfg: Compose) -> None:
    for overrides in (
        "n=1",
        "n=1000000 png=false npz=true",
        "mode=walk n=2",
        "mode=interpolate n=100 steps=16",
        "mode=atlas n=100",
        "mode=atlas class=ankle_boot n=10000",
        "mode=neighbours n=100 k=20",
    ):
        cfg = compose_cfg("ckpt_path=x", *overrides.split(), config_name="generate")
        assert check_command(cfg, "generate")["n"] == cfg.n


def test_lightnings_variables_are_refused(compose_cfg: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_TRAINER_MAX_STEPS", "3")
    with pytest.raises(ConfigError, match="PL_TRAINER_MAX_STEPS in the environment would change the trainer"):
        validate(compose_cfg())


def test_the_data_command_needs_data(compose_cfg: Compose) -> None:
    with pytest.raises(ConfigError, match="data is missing or empty; choose it as in data=fashion_mnist"):
        check_command(compose_cfg("~data", config_name="describe"), "describe")


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"compare", "report"}))
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+surprise=1", "unknown key 'surprise'; --help lists all keys"),
        ("+data.roots=x", "unknown key 'data.roots'; did you mean 'data.root'?"),
        ("~data.batch_size", "data.batch_size is missing; set it with data.batch_size=..."),
        ("data.batch_size=70000", "data.batch_size must be at most 60000, the number of images; got 70000"),
        ("data._target_=os.system", "data._target_: 'os.system' may not be built"),
    ],
)
def test_every_command_with_data_knows_its_keys(
    compose_cfg: Compose, command: str, override: str, message: str
) -> None:
    needed = {
        "stylize": ["content=knit", "style=dots"],
    }
    takes_run = ["ckpt_path=x", "data=fashion_mnist"] if COMMANDS[command].takes_run else []
    given = needed.get(command, takes_run)
    assert check_command(compose_cfg(*given, config_name=command), command)["data"]["batch_size"] > 1
    with pytest.raises(ConfigError) as refusal:
        check_command(compose_cfg(*given, override, config_name=command), command)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("command", sorted(name for name in COMMANDS if COMMANDS[name].takes_run))
def test_a_command_that_takes_a_run_can_do_without_data(compose_cfg: Compose, command: str) -> None:
    cfg = compose_cfg("ckpt_path=x", config_name=command)
    own = {"batch_size": 128} if command == "train_classifier" else {}
    assert check_command(cfg, command)["data"] == {"seed": None, **own}
    with pytest.raises(ConfigError, match=r"unknown key 'data\.rot'; did you mean 'data\.root'"):
        check_command(compose_cfg("ckpt_path=x", "+data.rot=y", config_name=command), command)


def test_every_command_with_a_configuration_has_rules() -> None:
    files = {path.stem for path in Path(CONF_DIR).glob("*.yaml")}
    assert files == {*COMMANDS, "train"}


def test_synthetic_data_knows_its_count(compose_cfg: Compose) -> None:
    with pytest.raises(ConfigError, match=r"data\.batch_size must be at most 40"):
        validate(compose_cfg("data=synthetic", "data.count=40", "data.batch_size=41"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("data.count=60001",), "data.count must be at most 60000, the number of images; got 60001"),
        (("data.count=1",), "data.count must be a whole number from 2 to 1000000, or null; got 1"),
        (("data.count=100",), "data.batch_size must be at most 100, the number of images; got 256"),
        (("data=synthetic", "data.count=null"), "data.count is missing: the number of synthetic images;"),
    ],
)
def test_numbers_of_images(compose_cfg: Compose, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        validate(compose_cfg(*overrides))
    assert str(refusal.value).startswith(message)


def test_what_an_experiment_set_can_be_deleted_for_other_data(compose_cfg: Compose) -> None:
    given = ("experiment=smoke", "data=mnist")
    for command, others in (("describe", ("data=mnist", "+data.count=9")), ("train", given)):
        check = validate if command == "train" else lambda cfg: check_command(cfg, "describe")
        with pytest.raises(ConfigError, match=r"leave it out, or delete .* ~data\.count$"):
            check(compose_cfg(*others, config_name=command))
    validate(compose_cfg(*given, "~data.count"))


def test_fingerprint_holds_what_makes_a_run(compose_cfg: Compose) -> None:
    first = fingerprint(compose_cfg())
    for override in (
        "seed=1",
        "data.batch_size=128",
        "model.generator_lr=1e-3",
        "model.latent_dim=64",
        "trainer.precision=bf16-mixed",
        "trainer.limit_train_batches=10",
        "data=synthetic",
        "data.count=500",
    ):
        assert fingerprint(compose_cfg(override)) != first, override
    for override in (
        "trainer.max_epochs=99",
        "run_name=x",
        "callbacks=none",
        "logger=none",
        "trainer=cpu",
        "data.cache_dir=/x",
        "model.accuracy_threshold=0.0",
    ):
        assert fingerprint(compose_cfg(override)) == first, override
    assert OmegaConf.create(first) is not None  # plain values


def test_differences_are_listed(tmp_path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_fingerprint({"seed": 0, "model.dropout": 0.3}, {"seed": 1, "model.dropout": 0.1}, tmp_path, {})
    assert "model.dropout=0.3 (now 0.1), seed=0 (now 1)" in str(caught.value)
    check_fingerprint({"seed": 0}, {"seed": 0}, tmp_path, {})


def test_a_setting_that_an_older_checkpoint_lacks_takes_its_default(
    compose_cfg: Compose, tmp_path: Path
) -> None:
    cfg = compose_cfg()
    defaults = default_settings(cfg)
    current = fingerprint(cfg)
    for key in ("model._target_", "model.dropout", "model.generator_channels", "data.verify"):
        older = {name: value for name, value in current.items() if name != key}
        check_fingerprint(older, current, tmp_path, defaults)
        with pytest.raises(ConfigError, match=rf"{key}=.* \(now 'another'\)"):
            check_fingerprint(older, current | {key: "another"}, tmp_path, defaults)


def test_a_refusal_needs_no_pytorch() -> None:
    code = "import sys, dcgan_lightning.train, dcgan_lightning.generate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run=null", "run must be the folder of a run, as in run=outputs/first; got None"),
        (
            "run=5",
            "run must be the folder of a run, as in run=outputs/first; got 5; "
            "quotes make it a text: \"run='5'\"",
        ),
        ("run=' '", "run must be the folder of a run, as in run=outputs/first; got ' '"),
        ("+runn=x", "unknown key 'runn'; did you mean 'run'?"),
    ],
)
def test_the_reports_run_is_checked(compose_cfg: Compose, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check_command(compose_cfg(override, config_name="report"), "report")
    assert str(refusal.value) == message
