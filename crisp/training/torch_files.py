"""Validate torch files before torch loads them: only plain types, and tensors fully stored in the file.

torch runs no code from these files, but builds whatever they describe: cyclic values,
tensors of a few bytes that claim terabytes, non-finite numbers.
"""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jsonschema import Draft202012Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from torch import Tensor, nn

from crisp.core import json_schema, pickles

# Everything that plain types and dense tensors need.
NAMES = [
    ".persistent",
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    *(f"torch.{kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Bool")),
]


def read(path: Path, device: torch.device) -> Any:
    """Read the content of a file, with its tensors on a device.

    Raises
    ------
    Exception
        Half a dozen types, if it is missing, damaged or holds anything else.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise ValueError("compressed parts, which torch does not write")
        (content,) = (part for part in parts if part.filename.split("/", 1)[-1] == "data.pkl")
        pickles.loads(archive.read(content), NAMES, lambda *_: None)
    return torch.load(path, map_location=device, weights_only=True)


def _is_sound(_: object, value: object) -> bool:
    """Return whether all tensors in a value are finite and fully stored."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_meta or value.is_quantized:
        return False
    return value.untyped_storage().nbytes() >= value.nbytes and bool(value.isfinite().all())


def _is_whole(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_array(_: object, value: object) -> bool:
    return isinstance(value, list | tuple)


VALIDATOR = extend(
    json_schema.VALIDATOR,
    type_checker=json_schema.VALIDATOR.TYPE_CHECKER.redefine_many(
        {"tensor": _is_sound, "integer": _is_whole, "array": _is_array}
    ),
)


@cache
def _validator(part: str) -> Draft202012Validator:
    schemas = {f"{name}.schema.yaml": json_schema.schema(name) for name in ("model", "study")}
    # Because of its $schema, a part would get the plain validator, which rejects tensors and accepts NaN.
    plain = {
        name: {key: rule for key, rule in of.items() if key != "$schema"} for name, of in schemas.items()
    }
    known = Registry().with_resources(
        (name, DRAFT202012.create_resource(schema)) for name, schema in plain.items()
    )
    return VALIDATOR({"$ref": f"model.schema.yaml#{part}"}, registry=known)


def check(content: Any, part: str = "") -> None:
    """Validate the content of a file with ``schemas/model.schema.yaml``.

    Parameters
    ----------
    content : object
        Content of the file.
    part : str
        Part of the schema, ``/$defs/last``; a model by default.

    Raises
    ------
    ValueError
        For the first error.
    """
    for error in _validator(part).iter_errors(content):
        place = ".".join(map(str, error.path)) or "top level"
        if error.validator == "required":
            raise ValueError(f"{place}: {error.message}"[:200])
        rule = error.schema.get("$comment") if error.validator == "pattern" else None
        raise ValueError(f"{place}: {repr(error.instance)[:80]}, not {rule or _in_words(error)}"[:300])


def _in_words(error: Any) -> str:
    if error.validator == "type":
        return {"tensor": "a tensor of finite numbers", "number": "a finite number"}.get(
            error.validator_value, f"of type {error.validator_value}"
        )
    if error.validator == "additionalProperties" and error.validator_value is False:
        return f"only {', '.join(error.schema['properties'])}"
    return f"{error.validator} {str(error.validator_value)[:120]}"


def check_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Check that weights match a model, which may have no memory of its own.

    Raises
    ------
    ValueError
        If weights are missing, or have another shape or type.
    """
    own = model.state_dict()
    if odd := sorted(own.keys() ^ weights.keys()):
        raise ValueError(f"weights are missing or unknown: {', '.join(odd)}"[:200])
    grown = getattr(model, "grown", ())  # of any length
    for name, weight in own.items():
        found = weights[name]
        fits = found.dim() == weight.dim() and found.shape[name in grown :] == weight.shape[name in grown :]
        if not fits or found.dtype != weight.dtype:
            shapes = (f"{list(one.shape)} of {one.dtype}" for one in (weight, found))
            raise ValueError("weights of {}: expected {}, found {}".format(name, *shapes))
