#!/usr/bin/env python3
"""Django's command line for GAS: `manage.py help` lists the workers and the tools."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gas_project.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
