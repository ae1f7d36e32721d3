"""What if: the same network with another activation, initializer, normalization, skip connection or cell."""

from gradlint.propagation.whatif.remedies import RemedyResult, horizon_remedies, remedies
from gradlint.propagation.whatif.vocabulary import (
    NAMES,
    Idle,
    Mended,
    UnknownTransformation,
    check_words,
    mend,
    transform,
)
from gradlint.propagation.whatif.wording import wording

__all__ = [
    "NAMES",
    "Idle",
    "Mended",
    "RemedyResult",
    "UnknownTransformation",
    "check_words",
    "horizon_remedies",
    "mend",
    "remedies",
    "transform",
    "wording",
]
