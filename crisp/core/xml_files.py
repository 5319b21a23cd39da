"""Read untrusted XML as data only, with faults reported in one message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import defusedxml
import defusedxml.ElementTree as safe

from crisp.core.errors import CrispError, fail
from crisp.core.unreadable import WIDE_TEXT, check_finite, explained, kind_of

LARGEST_FILE = 16 * 1024 * 1024  # bytes; an hour of strokes is below 100 kB
LARGEST_STREAM = 1024 * 1024 * 1024  # bytes of a file read in parts; boxes of a million frames
EXPECTED = "XML in UTF-8"
DECLARED = re.compile(rb"""<\?xml[^>]*\bencoding\s*=\s*["']([^"'>]+)""")


def read(path: str | Path, name: str) -> Element:
    """Return the root of an XML file.

    Parameters
    ----------
    path : path-like
        File to read.
    name : str
        Its name in messages.

    Returns
    -------
    xml.etree.ElementTree.Element

    Raises
    ------
    CrispError
        If the file is missing, too large, not XML, in an encoding that cannot be read, or holds a DOCTYPE.
    """
    with _explaining(Path(path), name, LARGEST_FILE):
        return safe.parse(path, forbid_dtd=True).getroot()


def parts(path: str | Path, name: str) -> Iterator[Element]:
    """Yield the root of an XML file, still empty, then each of its children, and forget it.

    For files of many pictures' worth of boxes, of which the whole tree would fill the memory.

    Parameters
    ----------
    path : path-like
        File to read, at most `LARGEST_STREAM` bytes.
    name : str
        Its name in messages.

    Yields
    ------
    xml.etree.ElementTree.Element

    Raises
    ------
    CrispError
        As for `read`.
    """
    with _explaining(Path(path), name, LARGEST_STREAM):
        depth, root = 0, None
        for event, element in safe.iterparse(path, events=("start", "end"), forbid_dtd=True):
            depth += 1 if event == "start" else -1
            if root is None:
                root = element
                yield root
            elif event == "end" and depth == 1:
                yield element
                root.clear()


@contextmanager
def _explaining(path: Path, name: str, largest: int) -> Iterator[None]:
    """Convert the errors of a parser to one message."""
    check_finite(path, name, largest)
    try:
        yield
    except defusedxml.DefusedXmlException:
        raise fail(
            path, "XML with a DOCTYPE is refused", "plain elements", "a DOCTYPE", "remove the DOCTYPE"
        ) from None
    except ParseError as error:
        if kind_of(path) not in ("", WIDE_TEXT):  # e.g. a video, of which no line can be corrected
            raise explained(path, error, name, EXPECTED) from None
        raise _misencoded(path, name) or fail(
            path, "not well-formed XML", f"a readable {name}", error, "correct the XML at that line"
        ) from None
    # Expat raises LookupError and ValueError for an unknown encoding.
    except (OSError, LookupError, ValueError, MemoryError) as error:
        raise (not isinstance(error, OSError) and _misencoded(path, name)) or explained(
            path, error, name, EXPECTED
        ) from None


def _misencoded(path: Path, name: str) -> CrispError | None:
    """Return the error for a file with a wrong or rarely supported encoding.

    None if the encoding is not the cause.
    """
    content = path.read_bytes()
    declared = DECLARED.match(content.removeprefix(b"\xef\xbb\xbf"))
    encoding = declared[1].decode("ascii", "replace") if declared else ""
    found = f"encoding {encoding!r} in its first line"
    if not encoding and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-8"
    if encoding.lower() in ("utf-8", "us-ascii", "ascii"):
        try:
            content.decode(encoding)
            return None
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            found = f"byte 0x{content[error.start]:02x} in line {line}, text in another encoding"
    elif not encoding or encoding.lower().startswith(("utf-16", "iso-8859-1")):
        return None
    remedy = "save it again as UTF-8" + (", and declare it in its first line" if declared else "")
    return fail(path, f"{name} cannot be read", EXPECTED, found, remedy)
