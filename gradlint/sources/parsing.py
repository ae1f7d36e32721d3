"""Text to a syntax tree: libcst's parser, with Python's own words for what is wrong."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

from gradlint.sources.errors import SourceError
from gradlint.sources.nesting import check_nesting

if TYPE_CHECKING:
    import libcst

_ONLY_AST = 0x400
_TOP_LEVEL_AWAIT = 0x2000
_FEW = 30_000
"""So many young objects may become old together with a tree; more are left to the garbage collector."""


def parse(text: str) -> libcst.Module:
    """The syntax tree of `text`.

    The cyclic garbage collector is off meanwhile: a parse makes no garbage cycles, and the collector would
    walk the growing tree again and again for a third of the time. Nor is it to walk the finished tree soon.

    Raises:
        SourceError: `text` is no Python.
    """
    import libcst  # takes a fifth of a second to load, and many runs parse nothing

    try:
        check_nesting(text)
    except SourceError as error:  # a bracket that is never closed looks like deep nesting
        raise syntax_error(text) or error from None
    enabled = gc.isenabled()
    gc.disable()
    younger = gc.get_count()[0]
    try:
        module = libcst.parse_module(text)
    except libcst.ParserSyntaxError as error:
        raise syntax_error(text) or SourceError(_reason(error), error.raw_line, error.raw_column + 1) from None
    except RecursionError:
        raise SourceError("nested too deeply") from None
    except (ValueError, UnicodeError, SyntaxError, libcst.CSTLogicError) as error:  # each node checks itself, too
        raise syntax_error(text) or SourceError(str(error)) from None
    finally:
        if enabled:
            gc.enable()
    if younger < _FEW:
        make_old()
    return module


def make_old() -> None:
    """Have the garbage collector look at what there is by now as seldom as at anything old, without a walk over it."""
    gc.freeze()
    gc.unfreeze()


def _reason(error: libcst.ParserSyntaxError) -> str:
    return "syntax error: " + error.message.removeprefix("parser error: ").removeprefix("tokenizer error: ")


def syntax_error(text: str) -> SourceError | None:
    """What Python itself finds wrong with `text`, or None if nothing is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<source>", "exec", flags=_ONLY_AST | _TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        column = error.offset or 1
        if isinstance(error, IndentationError) and error.text:  # there its column differs from version to version
            column = len(error.text) - len(error.text.lstrip()) + 1
        return SourceError(f"syntax error: {error.msg}", error.lineno or 1, max(column, 1))
    except (MemoryError, RecursionError):
        return SourceError("nested too deeply")
    except (ValueError, UnicodeError) as error:
        return SourceError(str(error))
    return None
