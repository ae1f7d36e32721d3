"""The JSON schema of the configuration, for editors and for validate-pyproject."""

from __future__ import annotations

from typing import Any

from gradlint.config import Settings, value_of
from gradlint.keys import KEYS

DIALECT = "http://json-schema.org/draft-07/schema#"
FILE = "gradlint.schema.json"
"""The same schema as a file of the package."""


def schema(tool: str = "gradlint") -> dict[str, Any]:
    """The schema of the table `tool.gradlint`, or of a whole `gradlint.toml`.

    This is an entry point of validate-pyproject, which passes the name of the tool.
    """
    defaults = Settings()
    return {
        "$schema": DIALECT,
        "$id": f"urn:{tool}:configuration",
        "title": f"Configuration of {tool}",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {
                "description": key.about,
                **key.type.schema,
                **({} if (default := value_of(defaults, name)) == "" else {"default": default}),
            }
            for name, key in KEYS.items()
        },
    }
