"""Arguments that nothing gives: what is assumed for a parameter without a default, so that a class can be built."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from gradlint.evaluation.values import Assumed, Value

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
