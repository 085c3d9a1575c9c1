"""Parts of the sentences about a comparison: p values, percentage points, small numbers, and the settings' names."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.reports._words import THIN, listing, shown
from regraft.studies.conclusions import Conclusion

# More names than this are a table's matter: the text gives their number.
NAMED = 3
MAJORITY = "always answering with the most frequent class"
SMALLER_RATES = "the study should be repeated with learning rates at least ten times smaller"
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number(value: int) -> str:
    """In words up to ten, then in digits."""
    return _NUMBERS[value] if value < len(_NUMBERS) else f"{value:,}"


def sentence_count(value: int, noun: str, plural: str | None = None) -> str:
    """`Four learning rates`, as it stands at the beginning of a sentence; digits from eleven on."""
    words = number(value)
    return f"{words[0].upper()}{words[1:]} {noun if value == 1 else plural or noun + 's'}"


def scientific(value: float) -> str:
    """A tiny number with a power of ten: `2.6·10⁻⁷`; 0 where it is 0."""
    if value == 0:
        return "0"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}·10{str(int(exponent)).translate(_SUPERSCRIPT)}"


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def level(confidence: float) -> str:
    """`95 %`."""
    return f"{100 * confidence:g}{THIN}%"


def p_value(p: float, sign: str = "=") -> str:
    """`p = 0.012`, `p = 0.31`, `p < 0.001`; `sign` for a bound of several: `p ≤ 0.012`."""
    if p < 0.001:
        return "p < 0.001"
    return f"p {sign} {p:.3f}" if p < 0.0995 else f"p {sign} {p:.2f}"


def points(difference: float) -> str:
    """The size of a difference of two shares: `2.3 percentage points`."""
    size = 100 * abs(difference)
    return "less than 0.1 percentage points" if 1e-9 < size < 0.05 else f"{size:.1f} percentage points"


def points_range(differences: Sequence[float]) -> str:
    """The sizes of several differences: `1.2 to 45.3 percentage points`."""
    sizes = sorted(abs(difference) for difference in differences)
    first, last = f"{100 * sizes[0]:.1f}", f"{100 * sizes[-1]:.1f}"
    return points(sizes[-1]) if first == last else f"{first} to {last} percentage points"


def is_equal(difference: float) -> bool:
    """Whether nothing but rounding is left of a difference."""
    return abs(difference) < 1e-9


def lower_by(difference: float, equal: str = "equal") -> str:
    """How far a setting lies below the best: `2.3 percentage points lower`, or `equal`."""
    return equal if is_equal(difference) else f"{points(difference)} lower"


def signed_points(difference: float) -> str:
    """The same for a column of numbers: `−2.3`, with a minus sign; what is rounded to 0.0 has none."""
    text = f"{100 * abs(difference):.1f}"
    return f"\N{MINUS SIGN}{text}" if difference < 0 and float(text) else text


def capital(text: str) -> str:
    """With a capital letter, for the start of a sentence."""
    return text[:1].upper() + text[1:]


class Subjects:
    """How the settings of a conclusion are called, alone and in groups.

    Args:
        singular, plural: what was compared: `setting`, `settings`.
    """

    def __init__(self, conclusion: Conclusion, singular: str, plural: str) -> None:
        self.singular, self.plural = singular, plural
        labels = [shown(verdict.label) for verdict in conclusion.verdicts]
        # "Of the three momenta tried, 0.9" and not "momentum 0.9".
        if all(label.startswith(f"{singular} ") for label in labels):
            labels = [label[len(singular) + 1 :] for label in labels]
        # A comma or an "and" in a name would look like one of the list's own.
        if any(part in label for label in labels for part in (",", " and ")):
            labels = [f"“{label}”" for label in labels]
        self._labels = labels
        parts = (conclusion.worse, conclusion.ties, conclusion.at_chance, conclusion.diverged)
        self._parts = [settings for settings in parts if settings]

    def name(self, setting: int) -> str:
        """The label, in quotation marks where a list of labels would be hard to read without."""
        return self._labels[setting]

    def names(self, settings: Sequence[int]) -> str:
        """`A, B and C`."""
        return listing([self._labels[setting] for setting in settings])

    def counted(self, amount: int) -> str:
        """`one setting`, `12 settings`."""
        return f"{number(amount)} {self.singular if amount == 1 else self.plural}"

    def everyone(self) -> str:
        """All settings: `the only setting tried, A,`, `both settings` or `all four settings`."""
        total = len(self._labels)
        if total == 1:
            return f"the only {self.singular} tried, {self._labels[0]},"
        return f"both {self.plural}" if total == 2 else f"all {self.counted(total)}"

    def group(self, settings: Sequence[int], named: bool = False) -> str:
        """One of the conclusion's groups, in a text that has the best first and then the groups in their order.

        `the other two settings` where there is no other group; else `one setting` or `a further 12 settings` for the
        first group, `the remaining setting` for the last, and `another setting` between. If `named`, few settings are
        followed by their names: `two settings, B and C,`.
        """
        amount = len(settings)
        several = self.singular if amount == 1 else self.counted(amount)
        if settings == self._parts[-1]:
            text = f"the {'other' if len(self._parts) == 1 else 'remaining'} {several}"
        elif settings != self._parts[0]:
            text = f"another {several}"
        else:
            text = f"{'a further ' if amount > NAMED else ''}{self.counted(amount)}"
        return f"{text}, {self.names(settings)}," if named and amount <= NAMED else text
