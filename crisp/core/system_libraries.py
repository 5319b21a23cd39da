"""System libraries that OpenCV's wheel links to, and that compute nodes often lack."""

from __future__ import annotations

import re

from crisp.core.errors import Fault

HEADLESS = (
    "without administrator rights: the environment of envs/headless.yaml, which holds OpenCV's headless "
    "build of the same version"
)
# Package names: Debian and Ubuntu, Red Hat and Rocky, conda-forge.
PACKAGES = {
    "libGL": ("libgl1", "libglvnd-glx", "libgl"),
    "libglib-2.0": ("libglib2.0-0", "glib2", "libglib"),
    "libgthread-2.0": ("libglib2.0-0", "glib2", "libglib"),
    "libxcb": ("libxcb1", "libxcb", "libxcb"),
    "libX11": ("libx11-6", "libX11", "xorg-libx11"),
}
# The loader names only the first missing library, so a remedy also names others that a bare node lacks.
USUAL = ("libGL", "libglib-2.0", "libxcb")


def missing(error: ImportError) -> Fault | None:
    """Return the fault if an import failed for lack of a system library; None for other causes."""
    found = re.search(r"(lib[^\s:/]+?)(\.so[.\d]*): cannot open shared object file", str(error))
    if not found:
        return None
    library, ending = found.groups()
    if library not in PACKAGES:
        remedy = "install the system package that holds it, or run in the container of envs/"
    else:
        apt, dnf, conda = (
            " ".join(dict.fromkeys(packages))
            for packages in zip(*(PACKAGES[name] for name in (library, *USUAL)), strict=True)
        )
        remedy = (
            f"apt-get install {apt} (Debian, Ubuntu), dnf install {dnf} (Red Hat, Rocky) or "
            f"conda install -c conda-forge {conda}; {HEADLESS}"
        )
    return Fault(
        f"{library}{ending}",
        f"this system library is missing; {error.name or 'a Python package'} requires it",
        remedy=remedy,
    )
