"""What every refusal owes to whoever reads it."""

from __future__ import annotations


def says_what_to_do(error: Exception) -> None:
    """Tell that an error can be printed, and says what is wrong where, and what to do."""
    text = str(error)
    assert text.encode()
    assert all(text.split("\n")), "no line is empty"
    assert "; " in text or ": " in text
