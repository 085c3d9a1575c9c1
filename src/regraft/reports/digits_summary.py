"""The digits study in short: its summary, what is reached with all images, how fast, and what it does not show."""

from __future__ import annotations

from collections.abc import Collection

from regraft.reports._comparison_phrases import NAMED, capital, number
from regraft.reports._words import THIN, count, listing
from regraft.reports.digits_found import TRANSFERS, DigitsFound, Setting
from regraft.reports.digits_tables import ALIKE
from regraft.reports.digits_words import (
    NAMES,
    accuracy,
    place,
    points,
    proportion_text,
    setting_text,
    with_dropout,
)
from regraft.reports.flower_words import brief
from regraft.studies.digits_study import WAYS

GOAL = 0.99
"""What source and target are asked to exceed with all images."""

_BOTH = (False, True)


def summary(found: DigitsFound) -> str:
    """What was asked and what was found, in a few sentences."""
    first, last = found.proportions[0], found.proportions[-1]
    runs = len(found.repeats)
    sentences = [
        "A small convolutional network learnt to tell the digits 0 to 5 apart. What it had learnt was then used to "
        "learn 6 to 9, with its convolutions fixed or with all layers trained on, and compared with the same network "
        f"trained from scratch on the same {found.images(first):,} to {count(found.images(last), 'image')}, "
        f"{'once' if runs == 1 else f'in {number(runs)} runs'} each."
    ]
    if found.repeated:
        sentences += [_headline(found, dropout) for dropout in _BOTH]
        sentences.append(_dropout_headline(found))
    else:
        best = found.best(first)
        names = listing([f"“{setting_text(setting)}”" for setting in best])
        sentences.append(
            f"With {count(found.images(first), 'image')} the highest accuracy, "
            f"{accuracy(found.mean(best[0]), found.decimals)}, was that of {names}; one run of each does not tell such "
            "differences from chance."
        )
    sentences.append(goal_words(found, names=False))
    return " ".join(sentences)


def _headline(found: DigitsFound, dropout: bool) -> str:
    """Where transfer was shown to help and to hurt, and from which number of images on it no longer matters."""
    start = capital(with_dropout(dropout))
    said = []
    for status, verb in (("higher", "help"), ("lower", "hurt")):
        gains = [
            (
                gain,
                f"{points(gain.mean, found.decimals)} with {count(found.images(proportion), 'image')} ({NAMES[way]})",
            )
            for proportion in found.proportions
            for way in TRANSFERS
            if (gain := found.gain(way, dropout, proportion)).status == status
        ]
        if len(gains) > NAMED:
            sizes = sorted(100 * abs(gain.mean) for gain, _ in gains)
            low, high = (f"{size:.{found.decimals}f}" for size in (sizes[0], sizes[-1]))
            total = number(len(TRANSFERS) * len(found.proportions))
            said.append(f"{verb} in {number(len(gains))} of {total} comparisons, by {low} to {high} percentage points")
        elif gains:
            said.append(f"{verb}, by {listing([text for _, text in gains])}")
    if not said:
        return f"{start}, no difference between transfer and training from scratch was shown for any number of images."
    until = found.matters_until(dropout)
    assert until is not None
    after = found.proportions[until + 1 :]
    end = ""
    if after:
        with_more = "with" if len(after) == 1 else "from"
        on = "" if len(after) == 1 else " on"
        end = f" {capital(with_more)} {count(found.images(after[0]), 'image')}{on} no difference was shown."
    return f"{start}, transfer was shown to {', and to '.join(said)}.{end}"


def _dropout_headline(found: DigitsFound) -> str:
    """In how many of its comparisons dropout was shown to help or to hurt."""
    changes = [found.change(way, proportion).status for way in WAYS for proportion in found.proportions]
    helped, hurt = changes.count("higher"), changes.count("lower")
    total = number(len(changes))
    if not helped and not hurt:
        return f"In none of {total} comparisons was dropout shown to change anything."
    said = [f"{verb} in {number(times)}" for verb, times in (("help", helped), ("hurt", hurt)) if times]
    return f"Dropout was shown to {' and to '.join(said)} of {total} comparisons."


def goal_words(found: DigitsFound, *, names: bool = True) -> str:
    """Whether source and target exceed 99 % with all images; `names` names what does."""
    last = found.proportions[-1]
    source = {dropout: found.mean(Setting("source", dropout, 1.0)) for dropout in _BOTH}
    target = {setting: found.mean(setting) for d in _BOTH for way in WAYS if (setting := Setting(way, d, last))}
    plain, dropped = (accuracy(source[dropout], found.decimals) for dropout in _BOTH)
    collection = found.facts["collection"]
    mean = "average" if found.repeated else "reach"
    both = f"{plain} with and without dropout" if plain == dropped else f"{plain} without dropout and {dropped} with it"
    low, high = (accuracy(end, found.decimals) for end in (min(target.values()), max(target.values())))
    reach = low if low == high else f"{low} to {high}"
    above = [setting for setting, share in target.items() if share > GOAL]
    over = _over(target.values())
    if names and 0 < len(above) < len(target):
        over = f", over {_goal()} with {listing([f'“{setting_text(setting)}”' for setting in above])}"
    return (
        f"On the {count(collection['source']['test'], 'test image')} of the source task, its networks {mean} {both}"
        f"{_over(source.values())}. On the {found.tested:,} of the target task, the six settings {mean} {reach} at "
        f"{place(found, last)}{over}."
    )


def _goal() -> str:
    return f"{100 * GOAL:g}{THIN}%"


def _over(shares: Collection[float]) -> str:
    above = sum(share > GOAL for share in shares)
    if above == len(shares):
        return f", {'all' if len(shares) > 2 else 'both'} over {_goal()}"
    return f", {number(above) if above else 'none'} of {number(len(shares)) if above else 'them'} over {_goal()}"


def early_words(found: DigitsFound) -> str:
    """How the learning begins: the accuracies at the first measurement."""
    texts = []
    for proportion in dict.fromkeys((found.proportions[0], found.proportions[-1])):
        first = [
            f"{accuracy(float(found.course(Setting(way, False, proportion))[0]), found.decimals)} ({NAMES[way]})"
            for way in WAYS
        ]
        texts.append(f"{listing(first)} at {proportion_text(proportion)}")
    mean = "mean accuracy" if found.repeated else "accuracy"
    return (
        f"At the first measurement, after {count(int(found.plan['every']), 'image')} processed, the {mean} without "
        f"dropout is {'; '.join(texts)}."
    )


def time_words(found: DigitsFound) -> str:
    """How much faster training on fixed convolutions is than from scratch."""
    scratch, fixed, throughout = (found.times(way) for way in WAYS)
    per = "for 1,000 images trained on, measuring and features included"
    ratio = scratch.each / max(fixed.each, 1e-12)
    start = f"With the convolutions fixed, the study took {brief(1000 * fixed.each)} {per}"
    if ratio >= ALIKE:
        text = f"{start}: {_times(ratio)} less than from scratch ({brief(1000 * scratch.each)})."
    elif ratio <= 1 / ALIKE:
        text = f"{start}: {_times(1 / ratio)} more than from scratch ({brief(1000 * scratch.each)})."
    else:
        text = f"{start}, about as much as from scratch ({brief(1000 * scratch.each)})."
    again = throughout.each / max(scratch.each, 1e-12)
    if 1 / ALIKE < again < ALIKE:
        return f"{text} Training throughout costs about as much as from scratch."
    more = "more" if again > 1 else "less"
    return f"{text} Training throughout costs {_times(max(again, 1 / again))} {more} than from scratch."


def _times(ratio: float) -> str:
    rounded = float(f"{ratio:.2g}")
    return f"{rounded:,.0f} times" if rounded >= 10 else f"{rounded:g} times"


def limits(found: DigitsFound) -> tuple[str, ...]:
    """What the study does not show."""
    runs, tested = len(found.repeats), found.tested
    one = points(1 / tested, 2 if found.decimals == 2 else 1)
    if found.repeated:
        compared = (len(TRANSFERS) * 2 + 2 + len(WAYS)) * len(found.proportions)
        first = (
            f"{capital(number(runs))} runs give wide intervals: that no difference was shown does not mean that there "
            "is none."
        )
        many = (
            f"The report has {compared} intervals of differences, each made for itself at 95{THIN}%: where nothing "
            "differed, about one in twenty would leave out 0 by chance."
        )
        same = (
            "All runs answer the same test images. The intervals tell of other training images, initial weights and "
            f"batches, not of other test images, of which one is {one}. With all images, runs differ hardly in "
            "their training images."
        )
        items = [first, many, same]
    else:
        items = [
            "Each setting was trained once: how much of a difference is due to the images drawn, the initial weights "
            "and the batches is not known. At least two runs give intervals, three are the usual number.",
            f"One test image of the target task is {one}.",
        ]
    return (
        *items,
        "The accuracies on the way are measured on the test images, as the textbook does it. They are for monitoring "
        "only: no stopping point, learning rate or setting was chosen by them, and what is reported is the accuracy "
        "after the last image. To pick the best of the settings here by these same test images would make its accuracy "
        "look a little too high.",
        "All ways are given the same effort and one learning rate, which was tuned for none of them; another effort "
        "could change their order.",
    )


def quick_warning(found: DigitsFound) -> str:
    """That a quick study shows little; empty for a whole one."""
    if not found.plan["quick"]:
        return ""
    runs = "" if found.repeated else " and each setting was trained once, so that no difference can be told from chance"
    return f"Quick study: the trainings were cut short{runs}."
