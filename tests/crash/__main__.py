"""`make crash`: each worker is struck before and after each of its AWS calls.

CRASH=archiver plays the workers of that name, MODES=alone,rival,woken chooses how, POINT="after
PutItem" plays those points alone; CRASH and POINT are patterns. The verdicts are kept in
.gas/crash.json, so a run that was stopped goes on; another commit begins anew, unless KEEP=1 is
set.
"""

import os
import signal
import sys

import django


def main() -> int:
    """Play the table; return 1 when something was wrong."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # its cloud ends, its folder goes
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["GAS_LOG_LEVEL"] = "CRITICAL"
    django.setup()
    from tests.crash.report import report

    return report()


if __name__ == "__main__":
    sys.exit(main())
