"""What can go wrong, said to the person at the keyboard."""


class AuditError(Exception):
    """One or two sentences: what was found, where, what was expected, what to do. Exit code 2."""


class RefusedFileError(AuditError):
    """The file was not opened.

    Parameters
    ----------
    reason : str
        Stable identifier of the reason, such as ``"forbidden-global"`` or ``"not-a-dataset"``.
    message : str
        The sentence for the user.
    hostile : bool
        True where opening the file would have harmed the reader (code, bombs, path tricks): the
        scan then writes a scorecard whose safety pillar fails. False where the file is merely not
        a distilled dataset: a usage error.
    """

    def __init__(self, reason: str, message: str, *, hostile: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.hostile = hostile
