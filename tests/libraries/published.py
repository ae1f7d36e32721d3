"""The builders of torchvision with the parameter counts that its weight metadata publishes, read from its source."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Builder:
    """One builder function: its file, its name, the published number of parameters, and the family of tasks."""

    file: Path
    name: str
    parameters: int
    family: str

    @property
    def call(self) -> str:
        """The expression that builds the network with default arguments."""
        return f"{self.name}()"


def package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None, f"{package} has no source"
    return Path(spec.origin).parent


def torchvision_builders(folder: Path | None = None) -> list[Builder]:
    """Every builder in `torchvision.models` whose weights say how many parameters they hold."""
    models = (folder or package_folder("torchvision")) / "models"
    return [builder for file in sorted(models.rglob("*.py")) for builder in _builders_in(file, models)]


def _builders_in(file: Path, models: Path) -> Iterator[Builder]:
    tree = ast.parse(file.read_text("utf-8"))
    published = {
        node.name: count
        for node in tree.body
        if isinstance(node, ast.ClassDef) and (count := _published_count(node)) is not None
    }
    parts = file.relative_to(models).parts
    family = parts[0] if len(parts) > 1 else "classification"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _is_builder(node):
            names = [n.id for d in node.decorator_list for n in ast.walk(d) if isinstance(n, ast.Name)]
            count = next((published[name] for name in names if name in published), None)
            if count is not None:
                yield Builder(file, node.name, count, family)


def _is_builder(function: ast.FunctionDef) -> bool:
    return any("register_model" in ast.dump(decorator) for decorator in function.decorator_list)


def _published_count(cls: ast.ClassDef) -> int | None:
    """The first `num_params` in a class of weights."""
    for node in ast.walk(cls):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "num_params" and isinstance(value, ast.Constant):
                    return int(value.value)
    return None
