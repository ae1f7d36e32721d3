"""`python -m gradlint` and the command `gradlint`."""

from __future__ import annotations

import contextlib
import gc
import os
import sys


def main() -> None:
    """Run the command line and leave the process with its exit status.

    The collector of cyclic garbage is off: linting calls it after each file. The process ends at once, for to free
    millions of objects one by one that nobody will ask for again takes its time.
    """
    gc.disable()
    from gradlint.cli import run

    status = run(sys.argv[1:])
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
