"""HTML pages from jinja2 templates: self-contained, and with every text escaped, so that none becomes markup.

Templates lie beside the code that fills them and are named by their path in the package.
`core/templates/page.html` is the frame of a page: fill its blocks `style` and `content`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisp.core.files import replacing

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PACKAGE = Path(__file__).parents[1]


def write_html(path: str | Path, template: str, **values: Any) -> None:
    """Write a page.

    Parameters
    ----------
    path : path-like
        Page to write.
    template, **values
        As for `render`.

    Raises
    ------
    CrispError
        If the page cannot be written.
    """
    page = render(template, **values)
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")


def render(template: str, **values: Any) -> str:
    """Fill a template.

    Parameters
    ----------
    template : str
        Its path in the package, as ``core/templates/tables.html``.
    **values
        Values of all its variables; a missing one is an error.

    Returns
    -------
    str
        The page.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import (  # slow to import: at the first page only
        Environment,
        FileSystemLoader,
        StrictUndefined,
    )

    environment = Environment(
        loader=FileSystemLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["script_json"] = script_json
    environment.filters["fingerprint"] = fingerprint
    return environment


def fingerprint(source: str) -> str:
    """Return the name, in a content security policy, of a script or style between two line feeds."""
    digest = hashlib.sha256(f"\n{source}\n".encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def script_json(content: Any) -> Markup:
    """Convert to JSON for a script element; a text in it may contain anything, even ``</script>``."""
    from markupsafe import Markup

    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))
