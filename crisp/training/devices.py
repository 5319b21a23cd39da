"""The device that a model runs on, and what makes its digits the same every time."""

from __future__ import annotations

import torch

from crisp.core import names
from crisp.core.errors import fail


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is the first GPU where there is one.

    Raises
    ------
    CrispError
        If there is no such device here.
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
            "use --device auto; crisp doctor --gpu says why there is no GPU",
        ) from None
    return device


def make_deterministic(threads: int) -> None:
    """Fix the CPU thread count and the algorithms, so that equal input gives equal digits."""
    torch.set_num_threads(threads)
    # As use_deterministic_algorithms(True, warn_only=True), which first imports torch's compiler.
    torch.set_deterministic_debug_mode("warn")


def use_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether a `precision` of the config means bfloat16 on a device; auto does where it is fast."""
    if precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return precision == "bfloat16"
