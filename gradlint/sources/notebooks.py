"""Jupyter notebooks as one Python text: code cells in order, magics made harmless, lines mapped back to cells."""

from __future__ import annotations

import bisect
import json
import re
from dataclasses import dataclass
from typing import Any

from gradlint.sources.decoding import NEWLINE
from gradlint.sources.errors import SourceError
from gradlint.sources.parsing import syntax_error

_MAGIC = re.compile(r"^(?P<indent>\s*)(?:[%!?]|\S.*\?\s*$)")
_MAGIC_VALUE = re.compile(r"^(?P<target>\s*[^=#'\"()]+=\s*)[%!]")
_PYTHON_CELL_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun", "%%memit")
_PYTHON_LANGUAGES = ("python", "python3", "ipython", "ipython3")


@dataclass(frozen=True, slots=True)
class Cells:
    """Where the code cells of a notebook lie in its concatenated text: the first line of each, from 1."""

    starts: tuple[int, ...]

    def locate(self, line: int) -> tuple[int, int]:
        """The code cell (from 1) that holds `line` of the text, and the line within that cell."""
        index = max(bisect.bisect_right(self.starts, line) - 1, 0)
        return index + 1, line - self.starts[index] + 1

    def line(self, cell: int, line: int) -> int:
        """The line of the text that is `line` of `cell`: the way back of `locate`."""
        return self.starts[cell - 1] + line - 1

    def last_line(self, cell: int, total: int) -> int:
        """The last line of `cell`, counted within it, where the text has `total` lines."""
        end = self.starts[cell] - 1 if cell < len(self.starts) else total
        return max(end - self.starts[cell - 1] + 1, 1)


def read_notebook(text: str) -> tuple[str, Cells]:
    """The Python text of a notebook's code cells, and where each of them starts.

    A notebook in another language gives an empty text.

    Raises:
        SourceError: `text` is no notebook.
    """
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(f"not a notebook: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise SourceError("not a notebook: nested too deeply") from None
    if not isinstance(notebook, dict):
        raise SourceError("not a notebook: no JSON object")
    if not _is_python(notebook):
        return "", Cells((1,))
    parts: list[str] = []
    starts: list[int] = []
    line = 1
    for code in _code_cells(notebook):
        part = _harmless(code)
        parts.append(part)
        starts.append(line)
        line += part.count("\n")
    return "".join(parts), Cells(tuple(starts) or (1,))


def _is_python(notebook: dict[str, Any]) -> bool:
    metadata = notebook.get("metadata")
    if not isinstance(metadata, dict):
        return True
    for section, key in (("language_info", "name"), ("kernelspec", "language")):
        entry = metadata.get(section)
        if isinstance(entry, dict) and isinstance(entry.get(key), str):
            return str(entry[key]).lower() in _PYTHON_LANGUAGES
    return True


def _code_cells(notebook: dict[str, Any]) -> list[str]:
    cells = notebook.get("cells")
    if cells is None:  # before version 4 of the format cells stood in worksheets
        sheets = _dicts(notebook.get("worksheets", []))
        cells = [cell for sheet in sheets for cell in _dicts(sheet.get("cells", []))]
    codes = []
    for cell in _dicts(cells):
        if cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            codes.append("".join(map(str, source)) if isinstance(source, list) else str(source))
    return codes


def _dicts(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise SourceError("not a notebook: no list of cells")
    return [item for item in value if isinstance(item, dict)]


def _harmless(code: str) -> str:
    """The cell with every magic replaced by Python of as many lines; it ends with a newline."""
    code = "\n".join(NEWLINE.split(code)).rstrip("\n") + "\n"
    lines = code.split("\n")[:-1]
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_PYTHON_CELL_MAGICS):
        return "\n" * len(lines)
    if syntax_error(code) is None:
        return code
    result: list[str] = []
    continued = False
    for line in lines:
        magic = _MAGIC.match(line)
        value = _MAGIC_VALUE.match(line)
        if continued:
            result.append("")
        elif magic is not None:
            result.append(f"{magic['indent']}pass")
        elif value is not None:
            result.append(f"{value['target']}None")
        else:
            result.append(line)
            continue
        continued = line.rstrip().endswith("\\")
    return "\n".join(result) + "\n"
