"""Source to values: a partial evaluator of Python that builds networks and training loops without running the source.

The entry is `gradlint.evaluation.driver.evaluate`. What it evaluates to is in `values`; syntax is dispatched from
`expressions` and `statements`; `context` is what the tables of `gradlint.frameworks` may ask of it.
"""
