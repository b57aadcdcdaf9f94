"""Python runs this at its start where PYTHONPATH names this folder: every process of a command has `Twins`.

The classes become public names of the package's rooms when these are imported, as if they were written there;
no file of the package knows them.
"""

import importlib
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

_FOLDER = Path(__file__).parent
# Public class and its module, by room.
_CLASSES = {
    "dcgan_lightning.systems": ("Twins", "foreign_system"),
    "dcgan_lightning.data": ("TilesDataModule", "foreign_data"),
}
_SETTINGS = "dcgan_lightning.config.systems"


def _extend(module: ModuleType) -> None:
    if module.__name__ == _SETTINGS:
        module.__path__.append(str(_FOLDER / "settings"))
    else:
        name, source = _CLASSES[module.__name__]
        setattr(module, name, getattr(importlib.import_module(source), name))


class _Extended(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _extend(module)


class _Rooms(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in (*_CLASSES, _SETTINGS):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Extended(fullname, spec.origin)
        return spec


sys.meta_path.insert(0, _Rooms())
for _name in (_SETTINGS, *_CLASSES):
    if _name in sys.modules:  # in a process that is forked with the libraries imported
        _extend(sys.modules[_name])
