"""Keeps the host from running ahead of the device, where steps are only lined up, not yet taken."""

import torch


class Pace:
    """Lets one step be lined up while the last is taken; on a CPU every step is taken at once.

    Were more lined up, an urgent job that arrives now would stand behind all of them.
    """

    def __init__(self, *, device: torch.device) -> None:
        self._is_needed = device.type == "cuda"
        self._lined_up: torch.cuda.Event | None = None

    def hold(self) -> None:
        """Note that a step has been lined up, and wait until the one before it has been taken."""
        if not self._is_needed:
            return
        before = self._lined_up
        self._lined_up = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch's own
        self._lined_up.record()
        if before is not None:
            before.synchronize()
