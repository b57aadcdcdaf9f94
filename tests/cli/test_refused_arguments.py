"""Command lines that each command refuses."""

from pathlib import Path

import pytest
from conftest import RunModule, rows_of
from made_runs import make_run

REFUSED = {  # by command and arguments; the first ones of each command run in a new interpreter
    "train": {
        "data.batch_size=0": "data.batch_size must be a whole number of at least 2; got 0",
        "model.generator_lr=abc": "model.generator_lr must be a number above 0; got 'abc'",
        "trainer.max_epoch=5": "unknown key 'trainer.max_epoch'; did you mean 'trainer.max_epochs'?",
        "lr=1": "unknown key 'lr'",
        "+trainer.foo=1": "unknown key 'trainer.foo'",
        "data=null": "a group such as data cannot be null; choose one of its options",
        "experiment=nope": "unknown option 'experiment/nope'; experiment can be best, cyclegan, ",
        "+model._target_=os.system": "model._target_",
        "a=[1": "no viable alternative at input '[1'",
        "trainer": "'trainer' is not of the form key=value; --help lists all keys",
        "outputs/look": "'outputs/look' is not of the form key=value; did you mean ckpt_path=outputs/look?",
        "hydra.output_subdir=.": "hydra.output_subdir must be null or a name as .hydra; got '.'",
        "hydra.output_subdir=samples": "hydra.output_subdir must be null or a name as",
        "ckpt_path=nope.ckpt": "ckpt_path=nope.ckpt does not exist",
    },
    "evaluate": {
        "count=0": "count must be a whole number from 1 to 60000; got 0",
        "count=1000000": "count must be a whole number from 1 to 60000; got 1000000",
        "seeds=[]": "seeds must be a list of 1 to 100 different values",
        "seeds=[0,-1]": "seeds must be a list of 1 to 100 different values",
        "features=vgg": "features must be one of classifier, random, pixels, inception; got 'vgg'",
        "metrics=[fid]": "metrics must be a list of 1 to 7 different values, each one of frechet, kernel",
        "cont=5": "unknown key 'cont'; did you mean 'count'?",
        "ckpt_path=nowhere": "ckpt_path=nowhere does not exist",
        "ckpt_path=damaged.ckpt": "checkpoint damaged.ckpt cannot be read",
    },
    "generate": {
        "": "ckpt_path must be a run's folder or a checkpoint file",
        "ckpt_path=damaged.ckpt": "damaged.ckpt cannot be read",
        "ckpt_path=empty nn=3": "unknown key 'nn'; did you mean 'n'?",
        "ckpt_path=empty n=0": "n must be a whole number from 1 to 1000000",
        "ckpt_path=damaged.ckpt output_dir=empty/../damaged.ckpt": "exists already",
    },
    "export": {
        "": "error: ckpt_path must be a run's folder or a checkpoint file, as in ckpt_path=outputs/first",
        "ckpt_path=x format=pth": "error: format must be one of safetensors, onnx, torch_export",
        "ckpt_path=x formt=onnx": "error: unknown key 'formt'; did you mean 'format'?",
    },
    "report": {
        "": "run must be the folder of a run, as in run=outputs/first; got None",
        "run=outputs/nope": "run=outputs/nope does not exist",
        "run=.": "run=. holds no run: there is no config.yaml",
        "rum=x": "unknown key 'rum'; did you mean 'run'?",
    },
    "compare": {
        "": "runs must be a list of folders, given as in outputs/a outputs/b; got []",
        "a": "1 run(s) given: a comparison needs at least two",
        "a nope": "nope does not exist",
        "a a/samples": "a/samples holds no run and no sweep",
        "a outputdir=x": "unknown key 'outputdir'; did you mean 'output_dir'?",
        "a output_dir=[1": "no viable alternative",
    },
}


@pytest.mark.parametrize(("command", "arguments", "message"), rows_of(REFUSED))
def test_refusals_are_one_line_and_leave_nothing(
    run_module: RunModule, tmp_path: Path, command: str, arguments: str, message: str
) -> None:
    make_run(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.ckpt").write_bytes(b"PK\x03\x04 not a checkpoint")
    before = {*tmp_path.rglob("*")}
    is_first = arguments == next(iter(REFUSED[command]))
    result = run_module(f"dcgan_lightning.{command}", *arguments.split(), warm=not is_first)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert {*tmp_path.rglob("*")} == before
