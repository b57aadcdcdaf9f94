import configparser
import importlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import dcgan_lightning
from dcgan_lightning.__main__ import COMMANDS, list_commands
from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.evaluation.fashion_mnist.classifier import HELD_OUT_FILE, WEIGHTS_FILE

ROOT = Path(dcgan_lightning.__file__).resolve().parents[1]


def test_a_built_wheel_carries_the_configuration_and_runs_anywhere(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    packed = {path.relative_to(installed / "dcgan_lightning" / "conf") for path in installed.rglob("*.yaml")}
    templates = [*(ROOT / "dcgan_lightning").rglob("templates/*")]
    assert {"page.html", "page.css", "page.js", "model_card.md"} < {path.name for path in templates}
    for path in templates:
        assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    room = Path("dcgan_lightning", "reports")
    parts = {path.name for path in (ROOT / room / "play_page").iterdir() if path.is_file()}
    assert parts <= {path.name for path in (installed / room / "play_page").iterdir()}
    assert packed == {path.relative_to(CONF_DIR) for path in Path(CONF_DIR).rglob("*.yaml")}

    assert (installed / "dcgan_lightning" / "py.typed").is_file()
    (about,) = installed.glob("*.dist-info")
    assert "Project-URL" not in (about / "METADATA").read_text()
    scripts = configparser.ConfigParser()
    scripts.read(about / "entry_points.txt")
    commands = dict(scripts["console_scripts"])
    listed = re.findall(r"python -m (dcgan_lightning\.\w+)", list_commands())
    assert len(commands) == len(listed) == len(COMMANDS)
    for name in listed:
        module = "dcgan_lightning.data.__main__" if name.endswith(".data") else name
        script = "dcgan-" + name.partition(".")[2].replace("_", "-")
        assert commands[script] == f"{module}:main"
        assert callable(importlib.import_module(module).main)

    for original in (WEIGHTS_FILE, HELD_OUT_FILE):
        weights = original.relative_to(Path(dcgan_lightning.__file__).parent)
        assert (installed / "dcgan_lightning" / weights).read_bytes() == original.read_bytes()
    assert (installed / "dcgan_lightning" / "evaluation" / "fashion_mnist" / "anchors.json").is_file()

    result = subprocess.run(
        [sys.executable, "-m", "dcgan_lightning.train", "--cfg", "job", "--package", "model"],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "latent_dim: 100" in result.stdout
    code = "from dcgan_lightning.config.build import CONF_DIR; print(CONF_DIR)"
    where = subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert where.stdout.strip() == str(installed / "dcgan_lightning" / "conf")
