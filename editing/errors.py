"""Errors meant for the person who made the request.

Every message says what happened, what was given, what is wanted, and what to do next. The page shows the message as
it is, the command line prints it on one line. Anything that is not an :class:`EditingError` is a bug and is reported
as one.
"""

from __future__ import annotations


class EditingError(Exception):
    """Base of all errors that a user can mend; ``str(error)`` is one or two sentences for that user."""


class OptionError(EditingError):
    """An option is out of its range, unknown, or contradicts another."""


class ImageError(EditingError):
    """A picture can't be read, written, or is outside the limits."""


class WeightError(EditingError):
    """A weight is missing, damaged, unknown, or can't be fetched."""


class OutOfMemoryError(EditingError):
    """The work does not fit into memory, even in its smallest pieces."""


class TrainingError(EditingError):
    """A training can't start or can't go on; the last checkpoint is intact."""


class Stopped(EditingError):
    """The user asked to stop; raised by a ``report`` callback and never swallowed by a pipeline."""
