"""Which packages a process needs beyond the smallest installation."""

import importlib.util
from typing import Final

# One that tells for each process, and the extra that brings it.
NEEDED: Final = {"bot": ("discord", "bot"), "worker": ("diffusers", "gpu")}


class NotInstalled(Exception):
    """A process cannot run on this host, as packages are missing."""


def must_be_installed(process: str) -> None:
    """Make sure a process can run on this host at all.

    Raises:
        NotInstalled: what it needs is not installed.

    """
    module, extra = NEEDED.get(process, ("backend", ""))
    if importlib.util.find_spec(module) is None:
        raise NotInstalled(
            f"The {process} needs packages that are not installed here: "
            f"pip install -c constraints.txt '.[{extra}]'."
        )
