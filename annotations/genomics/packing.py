"""BGZF, written by a child while the records are made."""

import fcntl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from annotations.genomics.csq import EngineFailed

_CHILD = Path(__file__).with_name("pack_child.py")
_PIPE = 1 << 20


class Packer:
    """A file of BGZF that grows while text is written to it."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-I", str(_CHILD), str(path)]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, env={"LC_ALL": "C"}, start_new_session=True
        )
        if self._child.stdin is None:
            raise EngineFailed("The annotated file could not be written.")
        self._sink = self._child.stdin
        fcntl.fcntl(self._sink, fcntl.F_SETPIPE_SZ, _PIPE)

    def write(self, text: bytes) -> None:
        """Add text. Raises EngineFailed when the child is gone."""
        try:
            self._sink.write(text)
        except BrokenPipeError:
            raise EngineFailed("The annotated file could not be written.") from None

    def finish(self) -> None:
        """End the file. Raises EngineFailed when it could not be written."""
        try:
            self._sink.close()
        except BrokenPipeError:
            raise EngineFailed("The annotated file could not be written.") from None
        if self._child.wait() != 0:
            raise EngineFailed("The annotated file could not be written.")

    def end(self) -> None:
        """End the child, if it runs."""
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        with suppress(BrokenPipeError):
            self._sink.close()
