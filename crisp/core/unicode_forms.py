"""Unicode forms of users' texts: composed (NFC) inside, files found under any form, and look-alikes.

macOS and some editors decompose letters (``u`` and a combining diaeresis for ``ü``); both forms look alike.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crisp.core.errors import fail

# Cyrillic and Greek letters, after `casefold`, that look like a Latin one in either case.
LOOK_ALIKES = str.maketrans("авекмнорстухіјѕԁԛԝһαβεζηικμνορτυχ", "abekmhopctyxijsdqwhabezhikmvoptux")
INVISIBLE = ("Cf", "Zs", "Cc")  # categories: format characters, spaces, tabs and line breaks


def compose(text: str) -> str:
    """Return a text in composed form (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def composed(content: Any) -> Any:
    """Return JSON-like content with all texts and keys in composed form."""
    if isinstance(content, str):
        return compose(content)
    if isinstance(content, dict):
        return {composed(key): composed(value) for key, value in content.items()}
    return [composed(part) for part in content] if isinstance(content, list) else content


def existing(path: str | Path) -> Path:
    """Return the path of a file whose name may be stored in another Unicode form; as given if none exists."""
    path = Path(path)
    if str(path).isascii() or path.exists():
        return path
    found = Path(path.anchor)
    for part in path.relative_to(found).parts:
        if part.isascii() or (found / part).exists():
            found /= part
            continue
        names = [other.name for other in found.iterdir()] if found.is_dir() else []
        if (name := next((name for name in sorted(names) if compose(name) == compose(part)), None)) is None:
            return path
        found /= name
    return found


def check_file_names(paths: Iterable[Path]) -> None:
    """Check that this process finds files of these names: they are in UTF-8, whatever the locale says.

    Parameters
    ----------
    paths : iterable of Path

    Raises
    ------
    CrispError
        If a name has a character outside ASCII, and Python encodes file names otherwise.
    """
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8" and (odd := next((path for path in paths if not str(path).isascii()), None)):
        what, remedy = "file name cannot be encoded in this locale", "type first: export PYTHONUTF8=1"
        raise fail(ascii(str(odd)), what, "file names in UTF-8", encoding, remedy)


def fold(text: str) -> str:
    """Return what texts have in common that differ only by case, white space, width or look-alike letters."""
    shown = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    visible = "".join(sign for sign in shown if unicodedata.category(sign) not in INVISIBLE)
    return visible.translate(LOOK_ALIKES)


def spelt(text: str) -> str:
    """Format a text for messages, with the code points of its characters outside ASCII."""
    others = dict.fromkeys(sign for sign in text if not sign.isascii())
    names = ", ".join(f"{sign} U+{ord(sign):04X}" for sign in others if sign.isprintable())
    return f"{text!r} ({names})" if names else repr(text)
