"""Products of matrices in parts so small that each is made on the thread that asks for it.

A numerical library hands a larger product to threads of its own and waits for them, turning; on a
busy host one such product takes longer (milliseconds) than all its parts here (microseconds).
"""

from itertools import pairwise
from typing import Any, Final

import numpy
from numpy.typing import NDArray

# Of multiplications: below what OpenBLAS shares out, in the version that shares out soonest.
_MOST: Final = 1 << 18
_MOST_COMPLEX: Final = 1 << 15
_MOST_OF_A_VECTOR: Final = 9_000
_ROWS: Final = 16


def product(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Return the product of [..., m, k] and [k, n], or of [..., m, k] and [k]."""
    if right.ndim == 1:
        single: NDArray[Any] = product(left, right[:, None])[..., 0]
        return single
    right = numpy.ascontiguousarray(right)
    inner, width = right.shape
    rows = left.reshape(-1, inner)
    result = numpy.empty((len(rows), width), dtype=numpy.result_type(left, right))
    most = _most(result, inner)
    across = min(width, max(1, most // (inner * min(len(rows), _ROWS))))
    down = max(1, most // (inner * across))
    for some in _parts(len(rows), down):
        for part in _parts(width, across):
            numpy.matmul(rows[some], right[:, part], out=result[some, part])
    return result.reshape(*left.shape[:-1], width)


def _most(result: NDArray[Any], inner: int) -> int:
    if 1 in (*result.shape, inner):
        return _MOST_OF_A_VECTOR
    return _MOST_COMPLEX if numpy.iscomplexobj(result) else _MOST


def _parts(length: int, most: int) -> list[slice]:
    """Cut a length into as few parts as may be, all of about one length."""
    count = -(-length // most)
    ends = [length * number // count for number in range(count + 1)]
    return [slice(*both) for both in pairwise(ends)]
