"""What gradlint knows of torch, keras and lightning: tables from dotted names to values of the evaluator."""

from __future__ import annotations

from gradlint.frameworks.registry import is_framework, resolve

__all__ = ["is_framework", "resolve"]
