"""What identifies the content of a file, and writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
from pathlib import Path

_DIGEST_SIZE = 16


def digest(data: bytes) -> str:
    """What identifies some content: 128 bits of BLAKE2b, as hexadecimal digits."""
    import hashlib  # only where results are kept

    return hashlib.blake2b(data, digest_size=_DIGEST_SIZE).hexdigest()


def write_whole(file: Path, data: bytes) -> None:
    """Put `data` into a file: all of it, or nothing where that fails. A file that exists keeps its mode.

    Raises:
        OSError: it cannot be written.
    """
    import tempfile  # only where something is written

    target = Path(os.path.realpath(file))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:32]}.", suffix=".tmp")
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        made.chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask())
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The mask of the process; it can be read only by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
