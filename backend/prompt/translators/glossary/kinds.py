"""What kinds of words the glossary keeps, each in a file of its own."""

from enum import StrEnum


class Kind(StrEnum):
    """What a word is in a sentence; the names of the glossary's files."""

    SMALL = "small_words"
    NOUN = "nouns"
    ADJECTIVE = "adjectives"
    VERB = "verbs"
