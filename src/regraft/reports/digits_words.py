"""What the numbers of the digits study say, in sentences. Which way wins is read from them and never assumed."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.reports._comparison_phrases import capital, is_equal, number
from regraft.reports._words import THIN, count, listing
from regraft.reports.digits_found import TRANSFERS, Difference, DigitsFound, Setting
from regraft.studies.digits_study import Way

NAMES: dict[Way, str] = {
    "source": "source network",
    "scratch": "from scratch",
    "fixed": "convolutions fixed",
    "throughout": "trained throughout",
}
"""In tables and figures."""
SUBJECTS: dict[Way, str] = {
    "scratch": "training from scratch",
    "fixed": "transfer with fixed convolutions",
    "throughout": "transfer with training throughout",
}
"""In sentences."""
_BOTH = (False, True)

Compared = Sequence[tuple[float, Difference]]


def accuracy(share: float, decimals: int) -> str:
    """A share in percent: `98.7 %`. What is not all is never rounded to it."""
    text = f"{100 * share:.{decimals}f}"
    if share < 1 and float(text) == 100:
        return f">{100 - 10**-decimals:.{decimals}f}{THIN}%"
    return f"{text}{THIN}%"


def points(difference: float, decimals: int) -> str:
    """The size of a difference of shares: `2.3 percentage points`."""
    text = f"{100 * abs(difference):.{decimals}f}"
    if not float(text) and not is_equal(difference):
        text = f"less than {10**-decimals:.{decimals}f}"
    return f"{text} percentage points"


def signed(difference: float, decimals: int) -> str:
    """A difference for a column of numbers: `−2.3`; what is rounded to 0.0 has no sign."""
    text = f"{100 * abs(difference):.{decimals}f}"
    return f"\N{MINUS SIGN}{text}" if difference < 0 and float(text) else text


def proportion_text(proportion: float) -> str:
    """`P = 0.02`, never broken at the end of a line."""
    return f"P = {proportion:g}".replace(" ", "\N{NO-BREAK SPACE}")


def place(found: DigitsFound, proportion: float) -> str:
    """`P = 0.02 (10 images)`."""
    return f"{proportion_text(proportion)} ({count(found.images(proportion), 'image')})"


def with_dropout(dropout: bool) -> str:
    """`with dropout` or `without dropout`."""
    return "with dropout" if dropout else "without dropout"


def setting_text(setting: Setting) -> str:
    """`convolutions fixed, with dropout`."""
    return f"{NAMES[setting.way]}, {with_dropout(setting.dropout)}"


def comparison(
    found: DigitsFound, subject: str, than: str, differences: Compared, *, up: str, down: str, remark: str = ""
) -> str:
    """One thing compared with another at every proportion: where it was higher, where lower, and where neither.

    Args:
        subject, than: the two, as in `subject` was above `than`.
        differences: of the first minus the second, by proportion.
        up, down: what the subject did where the interval leaves out 0: `helped`, `hurt`.
        remark: added to the second.
    """
    if not found.repeated:
        return _single(found, subject, than, differences)
    sentences, opened = [], [pair for pair in differences if pair[1].status == "open"]
    shown: list[str] = []
    for status, verb, end in (("higher", up, ""), ("lower", down, remark)):
        some = [_by(found, proportion, each) for proportion, each in differences if each.status == status]
        if some:
            shown.append(f"{'it' if shown else subject} {verb} {listing(some)}{end}")
    if shown:
        sentences.append(f"{capital('; '.join(shown))}.")
    if opened:
        where = listing([proportion_text(proportion) for proportion, _ in opened]) if shown else "any P"
        means = _means([each.mean for _, each in opened], found.decimals)
        sentences.append(
            f"At {where} no difference was shown ({means})."
            if shown
            else f"No difference between {subject} and {than} was shown at {where} ({means})."
        )
    return " ".join(sentences)


def _by(found: DigitsFound, proportion: float, difference: Difference) -> str:
    """`by 4.6 percentage points (0.4 to 8.8) at P = 0.02 (10 images)`."""
    ends = sorted((abs(difference.low), abs(difference.high)))
    low, high = (f"{100 * end:.{found.decimals}f}" for end in ends)
    return f"by {points(difference.mean, found.decimals)} ({low} to {high}) at {place(found, proportion)}"


def _means(differences: Sequence[float], decimals: int) -> str:
    low, high = (signed(end, decimals) for end in (min(differences), max(differences)))
    if low == high:
        return f"mean difference: {low} percentage points"
    return f"mean differences: {low} to {high} percentage points"


def _single(found: DigitsFound, subject: str, than: str, differences: Compared) -> str:
    parts, named = [], False
    for word, chosen in (
        ("above", [pair for pair in differences if pair[1].mean > 0 and not is_equal(pair[1].mean)]),
        ("below", [pair for pair in differences if pair[1].mean < 0 and not is_equal(pair[1].mean)]),
        ("equal to", [pair for pair in differences if is_equal(pair[1].mean)]),
    ):
        if chosen:
            equal = word == "equal to"
            sizes = [
                f"{'' if equal else f'by {points(each.mean, found.decimals)} '}at {place(found, proportion)}"
                for proportion, each in chosen
            ]
            parts.append(f"{word} {'it' if named else than} {listing(sizes)}")
            named = True
    return f"In one run of each, {subject} was {'; '.join(parts)}."


def _gains(found: DigitsFound, way: Way, dropout: bool) -> Compared:
    return [(proportion, found.gain(way, dropout, proportion)) for proportion in found.proportions]


def gain_words(found: DigitsFound, dropout: bool) -> str:
    """Where each way of transfer wins over training from scratch, where it loses, and by how much."""
    than = SUBJECTS["scratch"]
    texts = [
        comparison(
            found, SUBJECTS[way], than, _gains(found, way, dropout),
            up="helped", down="hurt", remark=": negative transfer",
        )
        for way in TRANSFERS
    ]  # fmt: skip
    return f"{capital(with_dropout(dropout))}: " + " ".join(texts)


def threshold_words(found: DigitsFound, dropout: bool) -> str:
    """From which proportion on transfer no longer matters."""
    start = capital(with_dropout(dropout))
    widest = {
        proportion: max(abs(found.gain(way, dropout, proportion).mean) for way in TRANSFERS)
        for proportion in found.proportions
    }
    if not found.repeated:
        sizes = [f"{points(size, found.decimals)} at {proportion_text(p)}" for p, size in widest.items()]
        return f"{start}, the larger of the two differences from training from scratch is {listing(sizes)}."
    until = found.matters_until(dropout)
    last = found.proportions[-1]
    if until is None:
        return (
            f"{start}, no difference between transfer and training from scratch was shown at any P, so that none can "
            f"be named from which on it no longer matters; the intervals leave room for "
            f"{_room(found, dropout, found.proportions)}."
        )
    if found.proportions[until] == last:
        return f"{start}, it matters up to the largest part: a difference was shown at {place(found, last)}."
    rest = found.proportions[until + 1 :]
    on = "" if len(rest) == 1 else " on"
    which = "at" if len(rest) == 1 else "from"
    return (
        f"{start}, the last difference was shown at {place(found, found.proportions[until])}; {which} "
        f"{place(found, rest[0])}{on} none was, though the intervals there leave room for "
        f"{_room(found, dropout, rest)}."
    )


def _room(found: DigitsFound, dropout: bool, proportions: Sequence[float]) -> str:
    gains = [found.gain(way, dropout, proportion) for proportion in proportions for way in TRANSFERS]
    ends = [abs(end) for gain in gains for end in (gain.low, gain.high)]
    return f"up to {points(max(ends), found.decimals)}"


def between_words(found: DigitsFound, dropout: bool) -> str:
    """Which of the two ways of transfer is better."""
    pairs = [(proportion, found.between(dropout, proportion)) for proportion in found.proportions]
    text = comparison(
        found, "training throughout", "fixed convolutions", pairs,
        up="was better than fixed convolutions", down="was worse than fixed convolutions",
    )  # fmt: skip
    return f"{capital(with_dropout(dropout))}: {text}"


def best_words(found: DigitsFound) -> tuple[str, ...]:
    """The highest mean accuracy at each proportion, and whose it is."""
    items = []
    mean = "mean accuracy" if found.repeated else "accuracy"
    for proportion in found.proportions:
        best = found.best(proportion)
        names = listing([f"“{setting_text(setting)}”" for setting in best])
        value = accuracy(found.mean(best[0]), found.decimals)
        of_transfer = [s for s in best if s.way in TRANSFERS]
        kind = "" if len(best) == 1 else ", all equal" if len(best) > 2 else ", equal"
        if not of_transfer:
            transfers = [Setting(way, dropout, proportion) for way in TRANSFERS for dropout in _BOTH]
            second = max(transfers, key=found.mean)
            kind += f"; of the ways of transfer, “{setting_text(second)}” has the highest, "
            kind += accuracy(found.mean(second), found.decimals)
        items.append(f"{capital(place(found, proportion))}: the highest {mean}, {value}, has {names}{kind}.")
    return tuple(items)


def dropout_words(found: DigitsFound, way: Way) -> str:
    """What dropout changes for a way of learning."""
    pairs = [(proportion, found.change(way, proportion)) for proportion in found.proportions]
    text = comparison(found, "dropout", "none", pairs, up="helped", down="hurt")
    return f"{capital(SUBJECTS[way])}: {text}"


def negative_words(found: DigitsFound) -> str:
    """Whether there is negative transfer."""
    gains = [
        (way, dropout, proportion, found.gain(way, dropout, proportion))
        for dropout in _BOTH
        for way in TRANSFERS
        for proportion in found.proportions
    ]
    hurts = [
        f"{SUBJECTS[way]}, {with_dropout(dropout)}, {_by(found, proportion, gain)}"
        for way, dropout, proportion, gain in gains
        if gain.status == "lower"
    ]
    if hurts:
        return f"Yes. What the source network had learnt hurt: {'; '.join(hurts)}."
    below = [gain.mean for *_, gain in gains if gain.mean < 0 and not is_equal(gain.mean)]
    what = "mean accuracy" if found.repeated else "accuracy"
    none = (
        "No negative transfer was shown, with or without dropout."
        if found.repeated
        else "A single run of each cannot show any."
    )
    if not below:
        return f"{none} At no P is the {what} of a way of transfer below that of training from scratch."
    return (
        f"{none} In {number(len(below))} of {number(len(gains))} comparisons the {what} of transfer is below that of "
        f"training from scratch, at most by {points(min(below), found.decimals)}, which the runs do not tell from "
        "chance."
    )
