"""Switches that make the local cloud misbehave on request. All are off by default.

The control door sets them from JSON; tests and demonstrations use them to show what GAS does when
AWS refuses, fails, lies or says nothing.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_type_hints


@dataclass
class Faults:
    """What is wrong with the cloud at present; counts go down as the fault happens.

    refuse_expedited: the HTTP status, "503" or "400", of InsufficientCapacity; "" = accepted.
    enforce_policy: the HTTP status, "400" or "503", of PolicyEnforced for every Standard retrieval
        of a vault; "" = no policy. AWS documents 400; a client must read the code, not the status.
    fail_next_jobs: how many of the next vault jobs that finish shall fail.
    flip_byte_in_output: GetJobOutput sends its first byte wrong, with the right checksum.
    break_output: how many of the next GetJobOutput streams end half way.
    end_window: the 24 hours of the next output that is read end "before" it, or "during" it, half
        way; of that retrieval nothing can be read any more.
    drop_notices, double_notices: completion notices of either store are never sent, or sent twice.
    delay_notices: how many of AWS's seconds after the retrieval is done they are sent.
    lose_replies: how many of the next Glacier calls are done and then cut off without a reply.
    throttle: how many of the next Glacier calls are answered with ThrottlingException.
    forget_completes: a repeated CompleteMultipartUpload is unknown at once, not after an hour.
    """

    refuse_expedited: Literal["", "400", "503"] = ""
    enforce_policy: Literal["", "400", "503"] = ""
    fail_next_jobs: int = 0
    flip_byte_in_output: bool = False
    break_output: int = 0
    end_window: Literal["", "before", "during"] = ""
    drop_notices: bool = False
    double_notices: bool = False
    delay_notices: int = 0
    throttle: int = 0
    lose_replies: int = 0
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

    def take_window(self, when: str) -> bool:
        """Whether the window of an output ends now, "before" or "during"; it does so once."""
        ends = self.end_window == when
        if ends:
            self.end_window = ""
        return ends

    def copies(self) -> int:
        """Return how often a completion notice is sent."""
        return 0 if self.drop_notices else 2 if self.double_notices else 1


def _check(name: str, value: Any) -> None:
    defaults = {field.name: field.default for field in fields(Faults)}
    if name not in defaults:
        raise ValueError(f"no fault is called {name!r}; there are {', '.join(sorted(defaults))}")
    if type(value) is not type(defaults[name]):
        raise ValueError(f"{name} must be {type(defaults[name]).__name__}, not {value!r}")
    words = get_args(get_type_hints(Faults)[name])
    if words and value not in words:
        raise ValueError(f"{name} must be one of {words}, not {value!r}")
    if isinstance(value, int) and value < 0:
        raise ValueError(f"{name} must not be below 0")
