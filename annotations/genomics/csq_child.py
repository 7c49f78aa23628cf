"""The child that runs bcftools csq: limits itself, then VCF on stdin, VCF on stdout.

Run by path with `python -I`, so it imports nothing of GAS: it parses text from strangers in C.
Arguments: memory in bytes, CPU seconds, the largest file in bytes, then csq's own arguments.
"""

import resource
import sys

_OPEN_FILES = 32


def main() -> int:
    """Run csq; its complaint goes to stderr and its failure into the exit code."""
    memory, seconds, size = map(int, sys.argv[1:4])
    for name, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (value, value))
    import pysam.bcftools  # noqa: PLC0415 (under the limits)
    import pysam.utils  # noqa: PLC0415

    try:
        pysam.bcftools.csq(*sys.argv[4:], catch_stdout=False)
    except pysam.utils.SamtoolsError as error:
        sys.stderr.write(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
