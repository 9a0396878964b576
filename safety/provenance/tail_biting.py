"""A convolutional code that bites its tail: 48 bits become any number of signs, and come back.

Every step of the register gives `rate` signs. The decoder takes soft values, goes round the circle
twice and a little further, and keeps the best path; many candidates at once, since a reader is not
sure where it looks. What it found is then compared with the payloads whose signs are nearest.
"""

import itertools
from functools import cached_property
from typing import Final

import numpy
from numpy.typing import NDArray

from safety.provenance.products import product
from safety.provenance.watermark import PAYLOAD_BITS

Floats = NDArray[numpy.float32]

_MEMORY: Final = 10
_STATES: Final = 1 << _MEMORY
_ROUNDS: Final = 2
# Steps past the last round: where a path ends, its last bits are unsure.
_RUN_OUT: Final = 4 * _MEMORY
_SLIP_BITS: Final = 4
_NEAR: Final = 1.35  # of the least number of signs in which two payloads differ


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
        """Return a likely payload of each row of soft signs [candidates, 48 * rate]."""
        count = len(soft)
        steps = soft.reshape(count, PAYLOAD_BITS, self.rate)
        metric = numpy.zeros((count, _STATES), dtype=numpy.float32)
        choices = []
        for step in range(_ROUNDS * PAYLOAD_BITS + _RUN_OUT):
            gain = product(steps[:, step % PAYLOAD_BITS], self._signs.T)  # [candidates, 2 * states]
            total = (numpy.repeat(metric, 2, axis=1) + gain).reshape(count, 2, _STATES)
            choices.append(total[:, 1] > total[:, 0])
            metric = total.max(axis=1)
        return self._climb(soft, self._trace_back(metric, choices))

    def leads(self, soft: Floats, payload: int) -> Floats:
        """Return by how much soft signs [48 * rate] like a payload more than each one near it."""
        _, differing = self._slips
        leads: Floats = 2 * product(differing, soft * self.encode(payload))
        return leads

    def _climb(self, soft: Floats, payloads: list[int]) -> list[int]:
        """Go from each row's payload to a nearby one while there is a likelier one."""
        slips, differing = self._slips
        climbing = list(range(len(payloads)))
        for _ in range(PAYLOAD_BITS):
            told = numpy.stack([soft[row] * self.encode(payloads[row]) for row in climbing])
            leads = product(differing, told.T)  # [slips, climbing]
            steps = {
                row: slips[int(column.argmin())]
                for row, column in zip(climbing, leads.T, strict=True)
                if column.min() < 0
            }
            for row, slip in steps.items():
                payloads[row] ^= slip
            climbing = list(steps)
            if not climbing:
                break
        return payloads

    @cached_property
    def _slips(self) -> tuple[list[int], Floats]:
        """The differences of payloads that change fewest signs, and [slips, 48 * rate] which."""
        shapes = [
            1 | sum(1 << place for place in places)
            for count in range(_SLIP_BITS)
            for places in itertools.combinations(range(1, _MEMORY + 2), count)
        ]
        # The code is linear: what a difference changes, it changes in every payload.
        changed = numpy.stack([self.encode(shape) < 0 for shape in shapes])
        weights = changed.sum(axis=1)
        near = numpy.flatnonzero(weights <= _NEAR * weights.min())
        slips, differing = [], []
        for turn in range(PAYLOAD_BITS):
            slips += [_turned(shapes[one], turn) for one in near]
            differing.append(numpy.roll(changed[near], self.rate * turn, axis=1))
        return slips, numpy.concatenate(differing).astype(numpy.float32)

    def _trace_back(self, metric: Floats, choices: list[NDArray[numpy.bool_]]) -> list[int]:
        rows = numpy.arange(len(metric))
        states = metric.argmax(axis=1)
        payloads = [0] * len(metric)
        last = len(choices) - 1
        for step in range(last, last - _RUN_OUT - PAYLOAD_BITS, -1):
            if step <= last - _RUN_OUT:
                for row, state in enumerate(states):
                    payloads[row] |= (int(state) & 1) << step % PAYLOAD_BITS
            upper = choices[step][rows, states]
            states = (upper * _STATES + states) >> 1
        return payloads


def _turned(payload: int, places: int) -> int:
    whole = payload << places
    return (whole | whole >> PAYLOAD_BITS) & ((1 << PAYLOAD_BITS) - 1)


def _taps(rate: int) -> list[int]:
    """Return generators that read the newest and the oldest bit and about half of those between."""
    random = numpy.random.RandomState(4848)  # its stream is frozen, unlike newer generators'
    ends = 1 | 1 << _MEMORY
    return [int(random.randint(0, 2 * _STATES)) | ends for _ in range(rate)]
