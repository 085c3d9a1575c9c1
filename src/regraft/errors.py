"""What regraft raises when a user can put it right."""

from __future__ import annotations


class RegraftError(Exception):
    """Any error regraft raises on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1


class InputError(RegraftError, ValueError):
    """Bad usage or bad input: says what was expected, what was received and what to do (exit code 2).

    Args:
        problem: one sentence that names what is wrong.
        expected: what would have been right.
        received: what was there instead.
        hint: the command, option or folder that puts it right.

    All four are attributes, too.
    """

    exit_code = 2

    def __init__(
        self, problem: str, *, expected: str | None = None, received: str | None = None, hint: str | None = None
    ) -> None:
        self.problem, self.expected, self.received, self.hint = problem, expected, received, hint
        parts = [problem]
        for title, text in (("Expected", expected), ("Received", received), ("To do", hint)):
            if text:
                parts.append(f"  {title}: {text}")
        super().__init__("\n".join(parts))


class UnreadableImageError(InputError):
    """One image cannot be decoded; the reason is the message. A folder with others goes on without it."""


class MissingPackageError(InputError):
    """An optional package is needed and not installed; the message carries the pip command."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional package that is not installed.",
            hint=f'pip install "regraft[{extra}]"',
        )
        self._arguments = what, extra

    def __reduce__(self) -> tuple[type[MissingPackageError], tuple[str, str]]:
        return type(self), self._arguments  # pickle's own way would call it with the message alone
