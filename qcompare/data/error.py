"""What is wrong with data that stand in files."""


class DataFileError(ValueError):
    """The files cannot be used; the message is one line that names them, what is wrong and what would be right."""
