"""Switches that make the local cloud misbehave on request. All are off by default.

The control door sets them from JSON; tests and demonstrations use them to show what GAS does when
AWS refuses, fails, lies or says nothing.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal


@dataclass
class Faults:
    """What is wrong with the cloud at present; counts go down as the fault happens.

    refuse_expedited: the HTTP status, "503" or "400", of InsufficientCapacity; "" = accepted.
    enforce_policy: refuse every Standard retrieval as PolicyEnforced.
    fail_next_jobs: how many of the next vault jobs that finish shall fail.
    flip_byte_in_output: GetJobOutput sends its first byte wrong, with the right checksum.
    break_output: how many of the next GetJobOutput streams end half way.
    drop_notices, double_notices: completion notices are never sent, or sent twice.
    throttle: how many of the next Glacier calls are answered with ThrottlingException.
    forget_completes: a repeated CompleteMultipartUpload is unknown at once, not after an hour.
    """

    refuse_expedited: Literal["", "400", "503"] = ""
    enforce_policy: bool = False
    fail_next_jobs: int = 0
    flip_byte_in_output: bool = False
    break_output: int = 0
    drop_notices: bool = False
    double_notices: bool = False
    throttle: int = 0
    forget_completes: bool = False

    def update(self, switches: dict[str, Any]) -> None:
        """Set some switches, all or none. Raises ValueError for an unknown name or a wrong type."""
        for name, value in switches.items():
            _check(name, value)
        for name, value in switches.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """Return every switch and its value."""
        return asdict(self)

    def clear(self) -> None:
        """Switch all faults off."""
        self.update(Faults().as_dict())

    def take(self, name: str) -> bool:
        """Whether a counted fault happens now; counts it down if so."""
        left: int = getattr(self, name)
        if left:
            setattr(self, name, left - 1)
        return left > 0


def _check(name: str, value: Any) -> None:
    defaults = {field.name: field.default for field in fields(Faults)}
    if name not in defaults:
        raise ValueError(f"no fault is called {name!r}; there are {', '.join(sorted(defaults))}")
    if type(value) is not type(defaults[name]):
        raise ValueError(f"{name} must be {type(defaults[name]).__name__}, not {value!r}")
    if name == "refuse_expedited" and value not in ("", "400", "503"):
        raise ValueError(f'refuse_expedited must be "", "400" or "503", not {value!r}')
    if isinstance(value, int) and value < 0:
        raise ValueError(f"{name} must not be below 0")
