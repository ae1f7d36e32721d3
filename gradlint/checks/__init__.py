"""The checks: one file per rule, with the same stem as its page in `rules/`; helpers start with an underscore."""
