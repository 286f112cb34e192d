"""Passwords and keys: one file each under `VAR/secrets`, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cares.settings import var_folder


class SecretError(Exception):
    """A secret is missing, or others can read it."""


def secret_path(name: str) -> Path:
    """Where the secret called `name` is kept."""
    return var_folder("secrets") / name


def read_secret(name: str) -> str:
    """The secret called `name`; `SecretError` where it is missing or open to other users."""
    path = secret_path(name)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise SecretError(f"The secret {path} is missing. Put it back from your own backup.") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(f"Other users can read {path}. Replace that secret, then: chmod 600 {path}")
    return path.read_text(encoding="utf-8").strip()


def read_or_make_secret(name: str) -> str:
    """The secret called `name`, made at random (256 bits) when it is first asked for.

    Two processes that ask at once get the same secret. Raises `SecretError` as `read_secret` does.
    """
    path = secret_path(name)
    if not path.exists():
        # Written aside and linked into place, so that nobody ever reads half a secret.
        draft = path.with_name(f".{name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return read_secret(name)
