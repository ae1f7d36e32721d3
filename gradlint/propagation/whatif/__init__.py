"""What if: the same network with another activation, initializer, normalization, skip connection or cell."""

from gradlint.propagation.whatif.remedies import RemedyResult, horizon_remedies, remedies
from gradlint.propagation.whatif.transformations import NAMES, UnknownTransformation, transform

__all__ = ["NAMES", "RemedyResult", "UnknownTransformation", "horizon_remedies", "remedies", "transform"]
