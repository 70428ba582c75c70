"""The verdict on an object as a whole."""

from tunewright_trainer.shell.errors import InvalidData


class Unreadable(InvalidData):
    """Not one row at fault but the object: another kind of file, or one that is cut or damaged. Says what it is and what to do."""
