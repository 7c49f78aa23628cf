"""The child that indexes an annotated VCF, which takes long for a large one and can't be stopped.

Run by path with `python -I`; its argument is the bgzip file. The index (CSI) lies beside it.
"""

import sys


def main() -> None:
    """Make the index."""
    from pysam.libctabix import tabix_index  # noqa: PLC0415

    tabix_index(sys.argv[1], preset="vcf", csi=True, force=True)


if __name__ == "__main__":
    main()
