"""Errors meant for the person who made the request.

Every message says what happened, what was given, what is wanted, and what to do next. It is a
:class:`~editing.messages.Message`: the page puts it into the visitor's language, the command prints it in English on
one line. Anything that is not an :class:`EditingError` is a bug and is reported as one.
"""

from __future__ import annotations

from editing.messages import Message, Text


class EditingError(Exception):
    """Base of all errors that a user can mend; ``str(error)`` is one or two English sentences for that user.

    ``raise ImageError(messages.EMPTY, name=path.name)``, or with a Message that is ready. A plain sentence is for what
    ``editing.training`` says: it runs on the command line alone, in English.
    """

    def __init__(self, text: Text | Message | str, /, **values: object) -> None:
        if isinstance(text, str):
            text = Text(*[text.replace("{", "{{").replace("}", "}}")] * 2)
        self.message = text if isinstance(text, Message) else Message(text, values)
        super().__init__(self.message)

    def __str__(self) -> str:
        return str(self.message)


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
