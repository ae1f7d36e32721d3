"""Arguments that nothing gives: what is assumed for a parameter without a default, so that a class can be built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.classes import is_layer_class
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import Assumed, Class, Deferred, Function, Instance, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_WIDTH = 64
# Name of a parameter -> what people usually pass. Widths are equal, so that they cancel in ratios.
_BY_NAME: tuple[tuple[re.Pattern[str], Value], ...] = (
    (re.compile(r"kernel|(^|_)(k|ks)$|filter_size"), 3),
    (re.compile(r"stride|dilation|groups$|(^|_)group$|upscale|reps?$"), 1),
    (re.compile(r"padding"), 1),
    (re.compile(r"(drop|dropout|drop_?path|rate|prob)(_|$)|^p$"), 0.1),
    (re.compile(r"^eps(ilon)?$"), 1e-5),
    (re.compile(r"(num_|n_?)?heads?(_num)?$|^nhead$"), 4),
    (re.compile(r"bias$|^batch_first$|bidirectional|causal|affine|norm_first"), False),
    (re.compile(r"^include_"), True),
    (re.compile(r"(num_|n_)?(layers?|blocks?|depths?|stages?|repeats?)$|^depth|^n$"), Assumed(2)),
    (re.compile(r"img_size|image_size|input_resolution|resolution$"), 224),
    (re.compile(r"patch_size"), 16),
    (re.compile(r"(seq|block|context|max)_?(len|length|size)|max_position"), Assumed(32)),
    (re.compile(r"vocab|num_embeddings|n_?tokens?$|ntoken"), Assumed(1000)),
    (
        re.compile(
            r"dim|size|channel|feature|class|hidden|unit|width|embed|planes?$|^(in|out|c|d|nf|ch|inp|oup|nin|nout)(_|$)"
            r"|_(in|out|c|d)$|chan|filters?|d_?model|ninp|nhid|latent|output|^[cdk]\d?$|in_?ch|out_?ch|inplanes|actions?$"
        ),
        Assumed(_WIDTH),
    ),
)
_BY_ANNOTATION: dict[str, Value] = {"int": Assumed(_WIDTH), "float": 0.1, "bool": False}


_CONFIGURATION = re.compile(
    r"^((model_?)?(config|configuration|cfg|args|arguments|params|hparams|options|opts?|settings|hyper_?parameters))$"
)
_CONFIGURATION_CLASS = re.compile(r"(Config|Configuration|Cfg|Args|Arguments|Params|HParams|Options|Settings)$")
_ASSUMED_CONFIGURATIONS = "assumed configurations"


def assumed_arguments(interpreter: Interpreter, function: Function, skip: int) -> tuple[dict[str, Value], list[str]]:
    """Arguments for the parameters of `function` without defaults (the first `skip` left out), and what was assumed."""
    params: cst.Parameters = function.syntax.params
    arguments: dict[str, Value] = {}
    assumptions: list[str] = []
    for param in [*params.posonly_params, *params.params][skip:] + list(params.kwonly_params):
        name = param.name.value
        if name in function.defaults:
            continue
        value = assumed_argument(param)
        if value is None and (value := _configuration(interpreter, function, param)) is not None:
            assumptions.append(f"{name}={value.cls.name}() assumed")
        if isinstance(value, Assumed):
            assumptions.append(f"{name}={int(value)} assumed")
        arguments[name] = interpreter.unknown(f"parameter `{name}` of {function.name}()") if value is None else value
    return arguments, assumptions


def _configuration(interpreter: Interpreter, function: Function, param: cst.Param) -> Instance | None:
    """A configuration with its defaults, where what the source says of a parameter leaves only one class for it.

    That is its annotation; what the class around annotates an attribute of that name with, or calls its
    `config_class`; or the only class of the module that is named like a configuration.
    """
    cls = next(_configuration_classes(interpreter, function, param), None)
    if cls is None:
        return None
    made: dict[int, tuple[Class, Instance | None]] = interpreter.tables.setdefault(_ASSUMED_CONFIGURATIONS, {})
    if id(cls) not in made:
        made[id(cls)] = cls, _with_defaults(interpreter, cls)
    return made[id(cls)][1]


def _configuration_classes(interpreter: Interpreter, function: Function, param: cst.Param) -> Iterator[Class]:
    name = param.name.value

    def known(value: Value) -> Iterator[Class]:
        if isinstance(value, Deferred):
            value = interpreter.modules.force(interpreter, value)
        if isinstance(value, Class) and value.syntax is not None and not is_layer_class(value):
            yield value

    annotation = _without_none(param.annotation.annotation) if param.annotation is not None else None
    if isinstance(annotation, (cst.Name, cst.Attribute)):
        yield from known(interpreter.evaluate(annotation, function.scope))
    if not _CONFIGURATION.match(name):
        return
    for cls in function.owner.mro if function.owner is not None else ():
        if isinstance(cls, Class):
            yield from known(cls.namespace.get("__annotations__", {}).get(name))
            yield from known(cls.namespace.get("config_class"))
    variables = function.scope.module.variables.items()
    named = [
        value for key, value in variables if _CONFIGURATION_CLASS.search(key) and isinstance(value, (Class, Deferred))
    ]
    if len(named) == 1:
        yield from known(named[0])


def _without_none(annotation: cst.BaseExpression) -> cst.BaseExpression:
    """`C` for `C | None` and `Optional[C]`."""
    if isinstance(annotation, cst.BinaryOperation) and isinstance(annotation.operator, cst.BitOr):
        return annotation.left
    if isinstance(annotation, cst.Subscript) and isinstance(annotation.slice[0].slice, cst.Index):
        return annotation.slice[0].slice.value
    return annotation


def _with_defaults(interpreter: Interpreter, cls: Class) -> Instance | None:
    """An object of a class that needs no arguments."""
    try:
        made = interpreter.instantiate(cls)
    except Raised:
        return None
    return made if isinstance(made, Instance) else None


def assumed_argument(param: cst.Param) -> Value | None:
    """What is assumed for a parameter, or None when its name and annotation say nothing."""
    name = param.name.value.lower()
    for pattern, value in _BY_NAME:
        if pattern.search(name):
            return value
    annotation: Any = param.annotation.annotation if param.annotation is not None else None
    if isinstance(annotation, cst.Name):
        return _BY_ANNOTATION.get(annotation.value)
    return None
