"""Read a study file: fill in defaults, validate, check for contradictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crisp.core import plain_text, strict_yaml
from crisp.core.errors import CrispError, Fault
from crisp.core.json_schema import VALIDATOR
from crisp.core.unicode_forms import composed
from crisp.study.config import Study
from crisp.study.consistency import contradictions
from crisp.study.schema import fill_defaults, parse_numbers, schema, schema_faults


def load_study(path: str | Path) -> Study:
    """Read a study file.

    Raises
    ------
    CrispError
        If it is missing, not YAML, or has repeated or unknown keys or invalid values (all in one list).
    """
    return resolve_study(strict_yaml.read_yaml(path), str(path))


def resolve_study(content: Any, where: str = "study") -> Study:
    """Fill in the defaults of a study's content and check it.

    Parameters
    ----------
    content : dict
        As read from YAML; not changed.
    where : str
        Name of the file, for messages.

    Returns
    -------
    Study

    Raises
    ------
    CrispError
        Listing every unknown key, invalid value and contradiction.
    """
    config = composed(content)
    if isinstance(config, dict):
        fill_defaults(schema(), config)
        config = parse_numbers(schema(), config)
    errors = sorted(VALIDATOR(schema()).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise CrispError(*(fault for error in errors for fault in schema_faults(where, error)))
    if odd := list(plain_text.faulty(config, "top level")):
        what, remedy = "text with control characters", "correct it"
        raise CrispError(*(Fault(f"{where}, {place}", what, "", repr(text), remedy) for place, text in odd))
    # A variant's own keys override the shared ones; `defaults` itself is not needed afterwards.
    shared = config["defaults"]
    config["variants"] = [
        {**shared, **variant, "training": {**shared["training"], **variant.get("training", {})}}
        for variant in config["variants"]
    ]
    study = Study.from_config(config)
    faults = contradictions(study, where)
    if faults:
        raise CrispError(*faults)
    return study
