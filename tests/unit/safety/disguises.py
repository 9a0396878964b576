"""Ways in which people write a word so that a list does not find it."""

import re

LOOK_ALIKES = str.maketrans("aeopcxyis", "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0455")
FIGURES = str.maketrans("aeiost", "431057")
MARKS = str.maketrans({"a": "@", "s": "$", "i": "!", "o": "0", "e": "3"})


MIXED = str.maketrans("aeopcxin", "\u03b1\u0435\u03bf\u0440\u0441\u03c7\u03b9\u0578")


def each_word(write):
    return lambda text: " ".join(write(word) for word in text.split())


DISGUISES = {
    "capitals": str.upper,
    "figures": lambda text: text.translate(FIGURES),
    "marks": lambda text: text.translate(MARKS),
    "look-alikes": lambda text: text.translate(LOOK_ALIKES),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if " " < c <= "~" else c for c in text),
    "mathematical": lambda text: "".join(
        chr(0x1D41A + ord(c) - ord("a")) if "a" <= c <= "z" else c for c in text
    ),
    "struck through": lambda text: "".join(c + "\u0336" for c in text),
    "invisible": lambda text: "\u200b".join(text),
    "spelled out": lambda text: "  ".join(" ".join(word) for word in text.split()),
    "dotted": each_word(".".join),
    "dashed": each_word("-".join),
    "underlined": each_word("_".join),
    "pictures between": each_word("🔥".join),
    "cut by a dash": each_word(lambda w: f"{w[: len(w) // 2]}-{w[len(w) // 2 :]}"),
    "stretched": lambda text: "".join(c * 3 if c in "aeiou" else c for c in text),
    "weighted": each_word(lambda word: f"({word}:1.3)"),
    "weighted in brackets": each_word(lambda word: f"(({word}:1.25))"),
    "weighted with colons": each_word(lambda word: f"{word}::2"),
    "mirrored": lambda text: text[::-1],
    "each word mirrored": each_word(lambda word: word[::-1]),
    "masked": lambda text: re.sub("[aeiou]", "*", text),
    "mixed alphabets": lambda text: text.translate(MIXED),
    "accented": lambda text: "".join(c + "\u0301\u0323" if c.isalpha() else c for c in text),
    "glued": lambda text: "\u2060".join(text),
}
