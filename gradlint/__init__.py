"""gradlint: a linter for gradients."""

__version__ = "0.1.0"
