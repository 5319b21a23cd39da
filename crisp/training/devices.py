"""Select the device that a model runs on, and make its results reproducible."""

from __future__ import annotations

import torch

from crisp.core import names
from crisp.core.errors import fail


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; `auto` is the first GPU if there is one.

    Raises
    ------
    CrispError
        If the device does not exist on this machine.
    """
    names.chosen("device", name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0][:200]
        count = torch.cuda.device_count()
        gpus = f"cuda:0 to cuda:{count - 1}" if count else "no GPU that torch can use"
        raise fail(
            f"device {name}",
            "cannot be used",
            f"auto, cpu{' or ' if count else '; here is '}{gpus}",
            reason,
            "use --device auto; crisp doctor --gpu reports why no GPU can be used",
        ) from None
    return device


def make_deterministic(threads: int) -> None:
    """Fix the CPU thread count and the algorithms, so that equal input gives equal results."""
    torch.set_num_threads(threads)
    # Equivalent to use_deterministic_algorithms(True, warn_only=True), which first imports torch's compiler.
    torch.set_deterministic_debug_mode("warn")


def use_bfloat16(precision: str, device: torch.device) -> bool:
    """Return whether a configured `precision` means bfloat16 on a device; `auto` uses it where it is fast."""
    if precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return precision == "bfloat16"
