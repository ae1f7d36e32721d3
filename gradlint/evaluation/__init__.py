"""Source to values: a partial evaluator of Python that builds networks and training loops without running the source.

The entry is `gradlint.evaluation.driver.evaluate`. What it evaluates to is in `values`. Syntax is turned into closures
(`compiling`), by kind: `statements` and `loops`, `expressions`, `call_expressions` and `comprehensions`, `targets` of
assignments. `context` is what the tables of `gradlint.frameworks` may ask of it.
"""
