"""What safety refuses, as one small tree.

SafetyError
├── NotApproved     a picture without a clear verdict
├── CheckFailed     a check could not come to a judgement; whoever runs checks turns it into a block
└── LexiconInvalid  a rule file that cannot be read; found when a check is opened, never while screening
"""


class SafetyError(Exception):
    """Something safety will not do."""


class NotApproved(SafetyError):
    """A picture has no clear verdict, so it may not leave."""


class CheckFailed(SafetyError):
    """A check could not come to a judgement."""


class LexiconInvalid(SafetyError):
    """A rule file is not what it should be."""
