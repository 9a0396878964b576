"""A convolutional code that bites its tail: 48 bits become any number of signs, and come back.

Every step of the register gives `rate` signs. The decoder takes soft values, goes round the circle
twice and keeps the best path; many candidates at once, since a reader is not sure where it looks.
"""

from typing import Final

import numpy
from numpy.typing import NDArray

from safety.provenance.watermark import PAYLOAD_BITS

Floats = NDArray[numpy.float32]

_MEMORY: Final = 10
_STATES: Final = 1 << _MEMORY
_ROUNDS: Final = 2


class TailBitingCode:
    """Turns 48 bits into 48 x `rate` signs and back."""

    def __init__(self, *, rate: int) -> None:
        self.rate = rate
        self.length = PAYLOAD_BITS * rate
        registers = numpy.arange(2 * _STATES, dtype=numpy.uint32)
        parity = numpy.stack(
            [numpy.bitwise_count(registers & taps) & 1 for taps in _taps(rate)], axis=1
        )
        self._signs: Floats = 1 - 2 * parity.astype(numpy.float32)  # [2 * states, rate]

    def encode(self, payload: int) -> Floats:
        """Return the signs, +1 or -1, of a payload: [48 * rate]."""
        bits = [payload >> place & 1 for place in range(PAYLOAD_BITS)]
        state = 0
        for bit in bits[-_MEMORY:]:
            state = (state << 1 | bit) & (_STATES - 1)
        signs = []
        for bit in bits:
            register = state << 1 | bit
            signs.append(self._signs[register])
            state = register & (_STATES - 1)
        return numpy.concatenate(signs)

    def decode(self, soft: Floats) -> list[int]:
        """Return the likeliest payload of each row of soft signs [candidates, 48 * rate]."""
        count = len(soft)
        steps = soft.reshape(count, PAYLOAD_BITS, self.rate)
        metric = numpy.zeros((count, _STATES), dtype=numpy.float32)
        choices = []
        for step in range(_ROUNDS * PAYLOAD_BITS):
            gain = steps[:, step % PAYLOAD_BITS] @ self._signs.T  # [candidates, 2 * states]
            total = (numpy.repeat(metric, 2, axis=1) + gain).reshape(count, 2, _STATES)
            choices.append(total[:, 1] > total[:, 0])
            metric = total.max(axis=1)
        return self._trace_back(metric, choices)

    def _trace_back(self, metric: Floats, choices: list[NDArray[numpy.bool_]]) -> list[int]:
        rows = numpy.arange(len(metric))
        states = metric.argmax(axis=1)
        payloads = [0] * len(metric)
        for step in range(len(choices) - 1, len(choices) - 1 - PAYLOAD_BITS, -1):
            for row, state in enumerate(states):
                payloads[row] |= (int(state) & 1) << step % PAYLOAD_BITS
            upper = choices[step][rows, states]
            states = (upper * _STATES + states) >> 1
        return payloads


def _taps(rate: int) -> list[int]:
    """Return generators that read the newest and the oldest bit and about half of those between."""
    random = numpy.random.RandomState(4848)  # its stream is frozen, unlike newer generators'
    ends = 1 | 1 << _MEMORY
    return [int(random.randint(0, 2 * _STATES)) | ends for _ in range(rate)]
