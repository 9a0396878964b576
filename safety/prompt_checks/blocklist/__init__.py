"""A blocklist that reads through disguises.

Words, phrases and combinations of them are data, in the rule files of this folder. A text is folded
(`folding`), seen in up to three ways (`views`), cut into places (`words`), each place read as every
word it may stand for (`disguises`, `vocabulary`), and the readings looked up (`phrases`, `check`).
"""
