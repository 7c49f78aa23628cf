"""Work that takes long, watched from the thread that asked for it, and ended when it must be."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

import duckdb

T = TypeVar("T")
_LOOK = 0.1


def attend(
    *parts: Callable[[], T], look_up: Callable[[], None], stop: Callable[[], None]
) -> list[T]:
    """Run parts side by side in threads, and return what they return.

    `look_up` is called several times a second while they run. What it raises is raised here as
    soon as `stop`, which is called until all have ended, has ended them.
    """
    with ThreadPoolExecutor(len(parts)) as pool:
        under_way = [pool.submit(part) for part in parts]
        try:
            while wait(under_way, timeout=_LOOK).not_done:
                look_up()
        except BaseException:
            stop()
            while wait(under_way, timeout=_LOOK).not_done:
                stop()
            raise
    return [part.result() for part in under_way]


def interrupt(connections: Iterable[duckdb.DuckDBPyConnection]) -> None:
    """Break off what these connections are doing now, but not what they do next."""
    for connection in connections:
        with suppress(duckdb.ConnectionException):  # closed: it is done
            connection.interrupt()
