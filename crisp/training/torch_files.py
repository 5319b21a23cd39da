"""Files that torch wrote, looked through before torch reads them: plain types, and tensors that are there.

torch itself runs no code of theirs, but builds what they describe: values shared until they are endless,
tensors of a few bytes that stand for terabytes, numbers that are none.
"""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from torch import Tensor, nn

from crisp.core import json_schema, pickles
from crisp.study import config, schema

# All that plain types and dense tensors need.
NAMES = [
    ".persistent",
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    *(f"torch.{kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Bool")),
]


def read(path: Path, device: torch.device) -> Any:
    """The content of a file, its tensors on a device.

    Raises
    ------
    Exception
        Of half a dozen kinds, if it is missing, damaged or holds anything else.
    """
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise ValueError("compressed parts, which torch does not write")
        (content,) = (part for part in parts if part.filename.split("/", 1)[-1] == "data.pkl")
        pickles.loads(archive.read(content), NAMES, lambda *_: None)
    return torch.load(path, map_location=device, weights_only=True)


def _is_sound(_: object, value: object) -> bool:
    """Whether a value is a tensor of finite numbers, all of which are in memory."""
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
    path = Path(config.__file__).parents[1] / "schemas" / "model.schema.yaml"
    schemas = {
        "model.schema.yaml": yaml.safe_load(path.read_text(encoding="utf-8")),
        "study.schema.yaml": schema.schema(),
    }
    # By its $schema a part would have the plain validator of that, which knows no tensors and lets NaN in.
    plain = {
        name: {key: rule for key, rule in of.items() if key != "$schema"} for name, of in schemas.items()
    }
    known = Registry().with_resources(
        (name, DRAFT202012.create_resource(schema)) for name, schema in plain.items()
    )
    return VALIDATOR({"$ref": f"model.schema.yaml#{part}"}, registry=known)


def check(content: Any, part: str = "") -> None:
    """Check what a file holds by ``schemas/model.schema.yaml``.

    Parameters
    ----------
    content : of the file.
    part : of the schema, ``/$defs/last``; a model by default.

    Raises
    ------
    ValueError
        For the first thing that is wrong.
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
    """Check that weights are those of a model, which need not have any memory itself.

    Raises
    ------
    ValueError
        If some are missing, or of another shape or type.
    """
    own = model.state_dict()
    if odd := sorted(own.keys() ^ weights.keys()):
        raise ValueError(f"weights are missing or unknown: {', '.join(odd)}"[:200])
    for name, weight in own.items():
        found = weights[name]
        if found.shape != weight.shape or found.dtype != weight.dtype:
            shapes = (f"{list(one.shape)} of {one.dtype}" for one in (weight, found))
            raise ValueError("weights of {}: expected {}, found {}".format(name, *shapes))
