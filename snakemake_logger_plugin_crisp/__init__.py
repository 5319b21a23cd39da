"""Snakemake's way to :mod:`crisp.workflow.console`: ``--logger crisp``, as the profiles have it.

Snakemake looks for loggers by name in the folders of Python's path, and sees no package that an editable
install maps. So this one lies beside ``crisp``, and ``package-dir`` in pyproject.toml makes the editable
install put the clone itself on the path.
"""

import sys

from crisp.workflow.config_files import look
from crisp.workflow.console import LogHandler

__all__ = ["LogHandler"]

look(sys.argv)
