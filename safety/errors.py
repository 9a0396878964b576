"""What safety refuses, as one small tree.

SafetyError
├── NotApproved     a picture without a clear verdict
├── CheckFailed     a check that came to no judgement; whoever runs it blocks
│   └── HashListUnusable  a list of known pictures is empty, corrupt, stale or out of reach
├── HashListsInvalid  the document that names those lists cannot be read
├── LexiconInvalid  a rule file that cannot be read; found when a check is opened
├── PolicyInvalid   a policy document that cannot be read
├── CredentialsInvalid  nothing to mark or sign with: missing, expired, or of two minds
├── NotMarked       a picture that could not be watermarked or signed, so it may not leave
├── MarkImpossible  a picture or an installation that cannot carry a watermark
│   └── SignatureUnusable  a decoder's signature cannot be read, or is of two minds
├── AuditKeysUnusable   a key file of the audit log that is missing, unreadable or something else
├── QuarantineKeyUnusable  the key of what is sealed is missing, open to others, or none
├── SealBroken      what was sealed does not open
└── AnchorUnusable  a file of signed heads that cannot be read or written
"""

from collections.abc import Iterable


class SafetyError(Exception):
    """Something safety will not do."""


class NotApproved(SafetyError):
    """A picture has no clear verdict, so it may not leave."""


class CheckFailed(SafetyError):
    """A check could not come to a judgement."""


class LexiconInvalid(SafetyError):
    """A rule file is not what it should be."""


class PolicyInvalid(SafetyError):
    """A policy document is not what it should be; `names` are what of it is wrong, where known."""

    def __init__(self, message: str, *, names: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.names = tuple(names)


class MarkImpossible(SafetyError):
    """A watermark cannot be put into this picture; the message says what would help."""


class SignatureUnusable(MarkImpossible):
    """A folder with a decoder's signature is no good; `reason` is a word that never changes.

    It is "missing", "broken", "version" (that of another one) or "altered" (a file of another).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AuditKeysUnusable(SafetyError):
    """The keys that sign the audit log cannot be used."""


class AnchorUnusable(SafetyError):
    """The file of the audit log's signed heads cannot be used."""


class HashListUnusable(CheckFailed):
    """A list of known pictures cannot be relied on; `reason` is one word, such as "stale"."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the list {name} is {reason}")
        self.name = name
        self.reason = reason


class HashListsInvalid(SafetyError):
    """The document that names the lists of known pictures is not what it should be."""


class CredentialsInvalid(SafetyError):
    """There is nothing to sign manifests with; `reason` is a word that never changes."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotMarked(SafetyError):
    """A picture could not be marked or signed; `reason` is a word that never changes."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class QuarantineKeyUnusable(SafetyError):
    """The key with which pictures are sealed, or opened, cannot be used."""


class SealBroken(SafetyError):
    """What was sealed does not open: another key, another name, or it was changed."""
