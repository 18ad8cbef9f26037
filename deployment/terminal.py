"""Asks the person at the terminal. Questions go to stderr, because stdout carries results only."""

import getpass
import sys

from local.settings import SettingsError


def has_terminal() -> bool:
    """Returns whether there is a person who can answer."""
    return sys.stdin.isatty()


def ask(question: str) -> str:
    """Returns the answer, which may be empty. Raises SettingsError if the input has ended."""
    sys.stderr.write(f"{question}: ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise SettingsError("the input ended before the question was answered: nothing was changed")
    return answer.strip()


def ask_secret(question: str) -> str:
    """Returns the answer, which is not shown while it is typed. Without a terminal it is a line of stdin.

    The answer is empty if the input has ended.
    """
    if has_terminal():
        return getpass.getpass(f"{question}: ", sys.stderr).strip()
    return sys.stdin.readline().strip()


def confirm(question: str) -> bool:
    """Returns whether the answer is yes. Anything but `y` and `yes` is no."""
    return ask(f"{question} [y/N]").lower() in {"y", "yes"}
