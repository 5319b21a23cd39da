"""The command line: one command per task, also called by the workflow's rules.

Libraries are imported inside the commands, so that ``crisp --help`` and fast commands start at once.
"""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper

# Each module adds its commands to the app, in the order of the help.
# isort: off
from crisp.cli import data, preparation, labels, labelling, models, runs  # noqa: F401

# isort: on
from crisp.cli.application import app
from crisp.core import system_libraries
from crisp.core.errors import CrispError, fail
from crisp.core.signals import ended_clean
from crisp.core.unreadable import denied

INPUT = "check the input files of this command; crisp check reports faults of a study's files"
INTERRUPTED = "interrupted; no file is incomplete"
USER_ERRORS = {  # file and folder errors that a user can fix
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EIO,
    errno.ESTALE,
    errno.ENXIO,
    errno.ENODEV,
    errno.EBUSY,
    errno.EINVAL,
    errno.EMFILE,
}
# Errors that only invalid input causes, with their messages, if a reader has not reported them.
LAST = (
    (MemoryError, "", "out of memory", "give the job more memory, or use a smaller batch or width"),
    (RecursionError, "", "input is nested too deeply", INPUT),
    (OverflowError, "", "a number in the input is too large", INPUT),
    (
        UnicodeEncodeError,
        "",
        "a text in the input contains an incomplete character and cannot be written",
        INPUT,
    ),
    (ValueError, "embedded null", "a path in the input holds a NUL character", INPUT),
    (RuntimeError, "Symlink loop", "symbolic links form a loop", "correct the links"),
)


def main() -> None:
    """Run a command; print faults as one message with exit code 1; Ctrl-C 130, SIGTERM 143, SIGHUP 129."""
    _use_utf8()
    for stream in (sys.stdout, sys.stderr):  # a file name may have an invalid encoding
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _refuse_nul(sys.argv)
        with ended_clean():
            app(prog_name="crisp")  # also for python -m crisp
    except CrispError as error:
        _end(str(error), 1)
    except ImportError as error:
        fault = system_libraries.missing(error)
        if fault is None:
            raise
        _end(str(fault), 1)
    except KeyboardInterrupt:  # during imports; inside a verb Typer returns exit code 130
        _end(INTERRUPTED, 130)
    except SystemExit as ended:
        if ended.code == 130:
            _end(INTERRUPTED, 130)
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        # When renaming, the second name is the one given by the user.
        path = error.filename2 or error.filename
        if error.errno not in USER_ERRORS:
            raise
        said = f"{path or 'file system'}: {error.strerror}"
        if path and isinstance(error, PermissionError):
            found, remedy = denied(os.fsdecode(path))
            said = str(fail(os.fsdecode(path), error.strerror or "", "", found, remedy))
        _end(said, 1)
    except (MemoryError, RuntimeError, OverflowError, ValueError) as error:
        for kind, words, what, remedy in LAST:
            if isinstance(error, kind) and words in str(error):
                _end(f"{what}\n    remedy: {remedy}", 1)
        raise


def _use_utf8() -> None:
    """Restart this process with UTF-8 for file names, if the locale has another encoding.

    The terminal keeps its own. Processes that this one starts, such as Snakemake, inherit both.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        terminal = {"PYTHONIOENCODING": sys.stdout.encoding} if sys.stdout else {}
        environment = {**terminal, **os.environ, "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def _refuse_nul(words: list[str]) -> None:
    for word in words:
        if "\0" in word:
            raise fail(repr(word), "argument with a NUL character", "a path or a value without", "\\0")


def _end(message: str, code: int) -> None:
    if "WORLD_SIZE" in os.environ:  # one of several processes
        from crisp.training import distributed

        if distributed.record_error(message):
            sys.exit(code)
    print(f"crisp: {message}", file=sys.stderr)
    sys.exit(code)
