"""Read the models and weights that trainings start from, and compare them with the variants to train."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch

from crisp import models
from crisp.core.errors import CrispError, Fault
from crisp.models.network import start_pretrained
from crisp.study.config import Study
from crisp.study.variants import Variant
from crisp.training import checkpoints


def check_origins(study: Study, variants: Iterable[Variant]) -> list[Fault]:
    """Check that the initial model of each variant can be read and has the same layers."""
    faults: list[Fault] = []
    for variant in variants:
        try:
            with torch.device("meta"):
                model = models.build(variant, len(study.classes))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # copying into weights without memory has no effect
                checkpoints.start_from(model, variant, study.classes)
        except CrispError as error:
            faults += error.faults
    return faults


def check_pretrained(study: Study, variants: Iterable[Variant]) -> list[Fault]:
    """Check that the network of each variant can be built, and its pre-trained weights read."""
    faults: list[Fault] = []
    for variant in variants:
        try:
            with torch.device("meta"):
                model = models.build(variant, len(study.classes))
            if variant.weights:
                start_pretrained(model, variant)
        except CrispError as error:
            faults += error.faults
    return faults
