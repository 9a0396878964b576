"""The code under the spread watermark: what is encoded comes back, noise and all."""

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.provenance.tail_biting import TailBitingCode

CODE = TailBitingCode(rate=12)


@settings(max_examples=30, deadline=None)
@given(payload=st.integers(0, 2**48 - 1))
def test_every_payload_comes_back(payload: int) -> None:
    assert CODE.decode(CODE.encode(payload)[None]) == [payload]


def test_nine_of_ten_survive_three_wrong_signs_in_ten() -> None:
    random = numpy.random.default_rng(1)
    payloads = [int(value) for value in random.integers(0, 2**48, 60)]
    sent = numpy.stack([CODE.encode(payload) for payload in payloads])
    heard = (0.55 * sent + random.normal(size=sent.shape)).astype(numpy.float32)
    wrong = numpy.mean((heard > 0) != (sent > 0))
    right = sum(a == b for a, b in zip(CODE.decode(heard), payloads, strict=True))
    assert 0.27 < wrong < 0.32
    assert right >= 54


def test_payloads_of_one_different_bit_differ_in_about_half_of_a_constraint_length() -> None:
    one, other = CODE.encode(0), CODE.encode(1)
    assert 50 <= int((one != other).sum()) <= 82  # 11 steps x 12 signs, about half
