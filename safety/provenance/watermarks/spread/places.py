"""Where in a tile a mark begins: how well waves fit at every place of it, all at once."""

import numpy

from safety.provenance.products import product
from safety.provenance.tail_biting import Floats
from safety.provenance.watermarks.spread.carriers import Carriers, Complexes


def likeness(products: Complexes, carriers: Carriers, places: int) -> Floats:
    """Return the fit at `places` x `places` of a tile: [candidates, places, places].

    `products` [candidates, n] are what was found times the conjugate of what was expected, of the
    carriers' first n waves.
    """
    count = products.shape[1]
    reach = int(carriers.across.max())
    grid = numpy.zeros((2 * reach + 1, len(products), reach + 1), dtype=numpy.complex64)
    grid[carriers.down[:count] + reach, :, carriers.across[:count]] = products.T
    # Few waves and many places: two small products are ten times faster than a transform.
    turns = 2j * numpy.pi / places * numpy.arange(places)
    down = numpy.exp(numpy.outer(turns, numpy.arange(-reach, reach + 1))).astype(numpy.complex64)
    across = numpy.exp(numpy.outer(numpy.arange(reach + 1), turns)).astype(numpy.complex64)
    rows = product(down, grid.reshape(2 * reach + 1, -1)).reshape(places, len(products), reach + 1)
    rows = rows.transpose(1, 0, 2)
    fit: Floats = product(rows.real, across.real)
    fit -= product(rows.imag, across.imag)
    return fit


def moved(waves: Complexes, carriers: Carriers, down: float, across: float) -> Complexes:
    """Return waves counted from another place, in shares of a tile."""
    turns = carriers.down * down + carriers.across * across
    turned: Complexes = (waves * numpy.exp(2j * numpy.pi * turns)).astype(numpy.complex64)
    return turned
