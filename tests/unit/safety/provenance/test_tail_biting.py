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


def test_nearly_all_survive_one_wrong_sign_in_three() -> None:
    payloads, heard, sent = _heard(0.45, count=120)
    wrong = numpy.mean((heard > 0) != (sent > 0))
    right = sum(a == b for a, b in zip(CODE.decode(heard), payloads, strict=True))
    assert 0.31 < wrong < 0.35
    assert right >= 114


def test_no_payload_near_what_is_decoded_is_liked_more() -> None:
    _, heard, _ = _heard(0.3, count=40)
    for row, payload in zip(heard, CODE.decode(heard), strict=True):
        assert CODE.leads(row, payload).min() >= -1e-3


def test_a_lead_is_what_an_id_of_one_other_bit_falls_behind() -> None:
    _, (heard, *_), _ = _heard(0.6, count=1)
    (payload,) = CODE.decode(heard[None])
    behind = [
        float(heard @ (CODE.encode(payload) - CODE.encode(payload ^ 1 << place)))
        for place in range(48)
    ]
    leads = CODE.leads(heard, payload)
    assert all(numpy.isclose(leads, one, atol=1e-2).any() for one in behind)


def _heard(share: float, *, count: int):
    """Return payloads, their signs in noise, and their signs."""
    random = numpy.random.default_rng(1)
    payloads = [int(value) for value in random.integers(0, 2**48, count)]
    sent = numpy.stack([CODE.encode(payload) for payload in payloads])
    return payloads, (share * sent + random.normal(size=sent.shape)).astype(numpy.float32), sent


def test_payloads_of_one_different_bit_differ_in_about_half_of_a_constraint_length() -> None:
    one, other = CODE.encode(0), CODE.encode(1)
    assert 50 <= int((one != other).sum()) <= 82  # 11 steps x 12 signs, about half
