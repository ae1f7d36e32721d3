"""`python -m gradlint` and the command `gradlint`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave the process with its exit status."""
    from gradlint.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
