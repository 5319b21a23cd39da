"""The models that trainings start from: read, and compared with what is to be trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch

from crisp import models
from crisp.core.errors import CrispError, Fault
from crisp.study.config import Study, Variant
from crisp.training import checkpoints


def check_origins(study: Study, variants: Iterable[Variant]) -> list[Fault]:
    """Check that the model that each variant starts from can be read, and has its layers."""
    faults: list[Fault] = []
    for variant in variants:
        try:
            with torch.device("meta"):
                model = models.build(variant, len(study.classes))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that nothing is copied into weights without memory
                checkpoints.start_from(model, variant, study.classes)
        except CrispError as error:
            faults += error.faults
    return faults
