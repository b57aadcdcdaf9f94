import json
from pathlib import Path

import pytest

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.runs.reading import read_system
from dcgan_lightning.runs.system_file import SYSTEM_FILE, SystemFacts, decode_system, encode_system

TRANSLATOR = SystemFacts("Other", "images", ("input", "output"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_system(tmp_path) is None
    (tmp_path / SYSTEM_FILE).write_bytes(encode_system(TRANSLATOR))
    assert read_system(tmp_path) == TRANSLATOR


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 3},
        {"name": ""},
        {"inputs": "words"},
        {"panels": []},
        {"panels": "ab"},
        {"panels": [1]},
        {"x": 1},
    ],
    ids=str,
)
def test_anything_else_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    values = json.loads(encode_system(TRANSLATOR)) | changes
    with pytest.raises(ValueError, match=r"not a text|inputs=|unexpected"):
        decode_system(values)
    (tmp_path / SYSTEM_FILE).write_text(json.dumps(values))
    with pytest.raises(RunFolderError, match=r"system\.json cannot be read: .*; delete this file"):
        read_system(tmp_path)
