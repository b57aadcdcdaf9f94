"""A report on a run whose small files are damaged."""

import json
import logging
import random
from pathlib import Path

import pytest
import yaml
from damaging import as_json, as_yaml, damages, refusal, variants
from report_runs import make_run

from dcgan_lightning.reports.page import write_report


def test_a_report_on_damaged_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is damaged is left out with a line that names it; without its settings a folder is no run."""
    folder = make_run(tmp_path / "run", epochs=1)
    (folder / "checkpoints" / "last.ckpt").unlink()  # not one of the small files
    draw = random.Random(7)
    config, scores = folder / "config.yaml", folder / "scores" / "last.json"
    wrong = {
        config: [*map(as_yaml, variants(yaml.safe_load(config.read_text()), draw, 4))],
        scores: [*map(as_json, variants(json.loads(scores.read_text()), draw, 4))],
        folder / "history" / "history.csv": [],
        folder / "history" / "scores.csv": [b"epoch,frechet_distance\n0,1\n", b"epoch,recall\n9,nan\n2,1\n"],
    }
    for path, typed in wrong.items():
        good = path.read_bytes()
        contents = [*damages(good, draw, 5), *draw.sample(typed, min(len(typed), 25))]
        for content in contents:
            path.write_bytes(content)
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                line = refusal(lambda: write_report(folder), path)
            assert line is None or path.name == "config.yaml"
            assert all(str(path) in message for message in caplog.messages)
        path.write_bytes(good)
    caplog.clear()
    write_report(folder)
    assert not caplog.messages
