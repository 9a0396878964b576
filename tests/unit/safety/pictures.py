"""Pictures made of a number: patches of colour and waves, the same on every machine."""

import numpy as np
from PIL import Image


def made_picture(number: int, *, size: tuple[int, int] = (384, 320)) -> Image.Image:
    """Return a picture that is like no other number's."""
    width, height = size
    random = np.random.Generator(np.random.PCG64(number))
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    canvas = np.zeros((height, width, 3))
    for _ in range(14):
        towards, turn = random.random(2) * 9 - 4.5, random.random() * 6.3
        wave = np.cos(6.3 * (towards[0] * x + towards[1] * y) + turn)
        canvas += wave[..., None] * (random.random(3) - 0.3)
    for _ in range(9):
        left, top, wide, high = random.random(4) * (0.9, 0.9, 0.4, 0.4)
        is_inside = (x > left) & (x < left + wide) & (y > top) & (y < top + high)
        canvas[is_inside] += (random.random(3) - 0.5) * 8
    canvas = (canvas - canvas.min()) / (canvas.max() - canvas.min())
    return Image.fromarray((canvas * 255).round().astype(np.uint8))
