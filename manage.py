#!/usr/bin/env python3
"""Rollcall's commands: `python manage.py help` lists them."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        # A wrong setting deserves one sentence, not a traceback.
        sys.exit(f"rollcall: {problem}")


if __name__ == "__main__":
    main()
