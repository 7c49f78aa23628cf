"""The index of an annotated VCF, made by a child that can be ended at any time."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event

from annotations.genomics.csq import EngineFailed

_CHILD = Path(__file__).with_name("index_child.py")
_WAIT = 0.05


def index(path: Path, *, given_up: Event) -> None:
    """Make the index of a bgzip file of sorted records, unless `given_up` is set meanwhile.

    Raises EngineFailed when it can't be made.
    """
    child = subprocess.Popen(
        [sys.executable, "-I", str(_CHILD), str(path)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # htslib names places of the user's file there
        env={"LC_ALL": "C"},
        start_new_session=True,
    )
    try:
        while child.poll() is None and not given_up.is_set():
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=_WAIT)
    finally:
        child.kill()
        status = child.wait()
    if status != 0 and not given_up.is_set():
        raise EngineFailed("The index of the annotated file could not be made.")
