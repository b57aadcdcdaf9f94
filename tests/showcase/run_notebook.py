"""Run a Jupyter notebook without Jupyter, and keep what its cells show.

    python tests/showcase/run_notebook.py outputs/showcase/guide.ipynb

runs all cells anew, in their order and in a temporary folder, and writes their outputs into the file and into
its translations. A file NAME.jsonl beside NAME.ipynb is there to read.
"""

import ast
import base64
import contextlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcgan_lightning.core.files import write_atomic


def code_cells(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run_cells(
    notebook: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[list[dict]]]:
    """Run all code cells in the working folder.

    Args:
        notebook: The file's content.
        settings: Other values for lines such as ``ITERATIONS = 3750``.

    Returns:
        All names that the cells have defined; what each cell shows, in the notebook's own form.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    outputs = []
    for number, cell in enumerate(code_cells(notebook), 1):
        source = "".join(cell["source"])
        for name, value in settings.items():
            source = re.sub(rf"^{name} = \S+", f"{name} = {value}", source, flags=re.MULTILINE)
        outputs.append(_run(source, names, number))
    return names, outputs


def _run(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Run one cell; as in Jupyter, it shows what it prints and the value of its last line."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        value = last and eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    shown: list[dict[str, Any]] = []
    if text := printed.getvalue():
        shown.append({"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)})
    if value is not None:
        data: dict[str, Any] = {"text/plain": repr(value).splitlines(keepends=True)}
        if hasattr(value, "_repr_png_"):
            data["image/png"] = base64.b64encode(value._repr_png_()).decode()
        shown.append(
            {"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"}
        )
    return shown


def lay_out_data(path: Path, folder: Path) -> None:
    """Copy the file that a notebook reads, if there is one, into the folder where it is to run."""
    if (data := path.with_suffix(".jsonl")).exists():
        shutil.copy(data, folder)


def fill(path: Path) -> None:
    """Run a notebook; write what it shows into its file, and its translations, which have the same code."""
    here, path = Path.cwd(), path.resolve()
    with tempfile.TemporaryDirectory() as folder:
        lay_out_data(path, Path(folder))
        os.chdir(folder)
        try:
            _, outputs = run_cells(json.loads(path.read_text(encoding="utf-8")), {})
        finally:
            os.chdir(here)
    for version in (path, *path.parent.glob(f"{path.stem}.??.ipynb")):
        notebook = json.loads(version.read_text(encoding="utf-8"))
        for number, (cell, shown) in enumerate(zip(code_cells(notebook), outputs, strict=True), 1):
            cell["execution_count"], cell["outputs"] = number, shown
        write_atomic(version, f"{json.dumps(notebook, indent=1, ensure_ascii=False)}\n".encode())


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
