"""Finding source files, reading them, where things stand in them, and what their comments suppress."""

from gradlint.sources.decoding import decode, may_matter
from gradlint.sources.errors import SourceError
from gradlint.sources.files import Discovery, Found, Missed
from gradlint.sources.loader import SourceLoader
from gradlint.sources.source import SourceFile, load
from gradlint.sources.suppressions import Scope, Suppression, Suppressions

__all__ = [
    "Discovery",
    "Found",
    "Missed",
    "Scope",
    "SourceError",
    "SourceFile",
    "SourceLoader",
    "Suppression",
    "Suppressions",
    "decode",
    "load",
    "may_matter",
]
