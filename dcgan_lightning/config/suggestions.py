"""Suggestions for unknown keys: another program's name for a key, or a mistyped one."""

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from dcgan_lightning.config.build import CONF_DIR, plain
from dcgan_lightning.config.nested import closest, flatten

_RATES = ("model.generator_lr", "model.discriminator_lr")
# Names in other programs, and the keys here.
_OTHER_NAMES = {
    "epochs": ("trainer.max_epochs",),
    "num_epochs": ("trainer.max_epochs",),
    "n_epochs": ("trainer.max_epochs",),
    "lr": _RATES,
    "learning_rate": _RATES,
    "lr_g": ("model.generator_lr",),
    "lr_d": ("model.discriminator_lr",),
    "batch_size": ("data.batch_size",),
    "batch": ("data.batch_size",),
    "bs": ("data.batch_size",),
    "beta1": ("model.betas",),
    "beta2": ("model.betas",),
    "nz": ("model.latent_dim",),
    "z_dim": ("model.latent_dim",),
    "noise_dim": ("model.latent_dim",),
    "dataroot": ("data.root",),
    "data_dir": ("data.root",),
    "data_root": ("data.root",),
    "gpus": ("trainer.devices",),
    "num_gpus": ("trainer.devices",),
    "output_dir": ("run_name",),
    "outdir": ("run_name",),
    "name": ("run_name",),
    "resume": ("ckpt_path",),
    "checkpoint": ("ckpt_path",),
    "num_samples": ("n",),
    "num_images": ("n",),
}


def known_keys(config_name: str) -> list[str]:
    """Return all keys of a command's configuration."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        return [name for name, _ in flatten(plain(compose(config_name), resolve=False))]


def keys_meant(name: str, config_name: str) -> list[str]:
    """Return the keys that may be meant by a name, possibly none.

    Args:
        name: As typed; ``-`` counts as ``_``.
        config_name: The primary configuration.
    """
    name, known = name.replace("-", "_"), known_keys(config_name)
    others = [key for key in _OTHER_NAMES.get(name.lower(), ()) if key in known]
    if others or name in known:
        return others or [name]
    found = closest(name, known)
    return [found] if found else []
