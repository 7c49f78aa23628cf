"""The child that runs bcftools csq: limits itself, then VCF on stdin, VCF on stdout.

Run by path with `python -I`, so it imports nothing of GAS: it parses text from strangers in C.
Arguments: memory in bytes, CPU seconds, then csq's own arguments.
"""

import resource
import sys

_SCRATCH_FILE = 16 << 20
_OPEN_FILES = 32


def main() -> int:
    """Run csq; its complaint goes to stderr and its failure into the exit code."""
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    for name, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, _SCRATCH_FILE),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (value, value))
    import pysam.bcftools  # noqa: PLC0415 (under the limits)
    import pysam.utils  # noqa: PLC0415

    try:
        pysam.bcftools.csq(*sys.argv[3:], catch_stdout=False)
    except pysam.utils.SamtoolsError as error:
        sys.stderr.write(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
