"""Reasons that people give for what they do, as they are kept."""

from __future__ import annotations


def one_line(text: str, error: type[Exception], longest: int = 500, hint: str = "") -> str:
    """A reason as it is kept. Raises `error`, with the hint, where it is empty, too long, or no line that can be printed."""
    text = text.strip()
    if not text or len(text) > longest or not text.isprintable():
        raise error(f"Say why in one line of at most {longest} letters.{hint}")
    return text
