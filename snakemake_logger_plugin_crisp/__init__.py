"""Snakemake's way to :mod:`crisp.console`: ``--logger crisp``, as the profiles have it.

Snakemake looks for loggers by name in the folders of Python's path, and sees no package that an editable
install maps. So this one lies beside ``crisp``, and ``package-dir`` in pyproject.toml makes the editable
install put the clone itself on the path.
"""

import sys

from crisp.config_files import look
from crisp.console import LogHandler

__all__ = ["LogHandler"]

look(sys.argv)
