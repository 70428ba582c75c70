"""What can go wrong, in one class: the text says what is missing and what to do."""


class DevclusterError(RuntimeError):
    """A part cannot run here."""
