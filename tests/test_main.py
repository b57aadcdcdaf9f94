"""python -m dcgan_lightning, and what every command has in common."""

import subprocess
import sys
from pathlib import Path

import pytest

import dcgan_lightning
from dcgan_lightning.__main__ import COMMANDS, list_commands, main
from dcgan_lightning.config.build import CONF_DIR

MODULES = [line.split()[2] for line in list_commands().splitlines() if "python -m" in line]


def test_every_command_is_listed_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {*COMMANDS} == {path.stem for path in Path(CONF_DIR).glob("*.yaml")}
    monkeypatch.setattr(sys, "argv", ["dcgan_lightning"])
    main()
    lines = capsys.readouterr().out.splitlines()
    for module in MODULES:
        assert sum(line.split()[:3] == ["python", "-m", module] for line in lines) == 1


@pytest.mark.parametrize("module", ["dcgan_lightning", *MODULES])
def test_the_version_is_this_projects(module: str) -> None:
    result = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"dcgan_lightning {dcgan_lightning.__version__}\n"


@pytest.mark.parametrize(
    ("typed", "end"),
    [
        (["train"], "train; did you mean python -m dcgan_lightning.train?"),
        (["trian", "seed=1"], "trian seed=1; did you mean python -m dcgan_lightning.train?"),
        (["data"], "data; did you mean python -m dcgan_lightning.data?"),
        (["describe"], "describe; did you mean python -m dcgan_lightning.data?"),
        (["--quick"], "--quick; python -m dcgan_lightning lists the commands, as dcgan_lightning.train"),
    ],
)
def test_an_argument_is_refused_in_a_line(
    typed: list[str], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["dcgan_lightning", *typed])
    with pytest.raises(SystemExit) as refusal:
        main()
    assert refusal.value.code == f"error: unrecognized arguments: {end}"
