"""The paragraph that says what a comparison found, whatever that is."""

from __future__ import annotations

from regraft.reports._comparison_phrases import (
    MAJORITY,
    NAMED,
    SMALLER_RATES,
    Subjects,
    capital,
    is_equal,
    level,
    lower_by,
    number,
    p_value,
    points,
    points_range,
)
from regraft.reports._words import listing, percent
from regraft.studies.conclusions import Conclusion, Verdict


class Finding:
    """The sentences of one conclusion; each is empty where there is nothing to say."""

    def __init__(self, conclusion: Conclusion, quantity: str, called: Subjects) -> None:
        self._conclusion, self._called, self._quantity = conclusion, called, quantity
        self._verdicts, self._repetitions = conclusion.verdicts, conclusion.repetitions
        self._total = len(conclusion.verdicts)
        self._compared = self._total - len(conclusion.diverged)
        self._average = f"{'mean ' if conclusion.repetitions > 1 else ''}{quantity}"
        self._level = level(conclusion.confidence)
        self._baseline = f"{MAJORITY}, which is right for {percent(conclusion.baseline)} of the images"
        if conclusion.best is not None:
            self._best = conclusion.verdicts[conclusion.best]
            self._best_name = called.name(self._best.setting)

    def text(self) -> str:
        """The whole paragraph."""
        conclusion = self._conclusion
        if not self._repetitions or not self._verdicts:
            return "Nothing was measured, so that nothing can be concluded."
        if conclusion.best is None:
            return self._all_diverged()
        if not (conclusion.learned or conclusion.worse or conclusion.ties):
            parts = [self._nothing_learned(), self._diverged(), self._advice()]
        else:
            others = [self._worse(), self._ties()] if conclusion.testable else [self._untested()]
            parts = [self._opening(), *others, self._at_chance(), self._diverged()]
        return " ".join(filter(None, parts))

    def _opening(self) -> str:
        name, tried = self._best_name, f"Of the {self._called.counted(self._total)} tried,"
        if self._total == 1:
            text = f"The only {self._called.singular} tried, {name}, reached a {self._average} of {self._mean()}."
        elif self._compared == 1:
            text = f"{tried} only {name} never diverged; it reached a {self._average} of {self._mean()}."
        elif shared := sum(is_equal(tie.difference) for tie in self._of(self._conclusion.ties)):
            one_or_more = self._called.singular if shared == 1 else self._called.plural
            text = (
                f"{tried} {name} shares the highest {self._average} with {number(shared)} other {one_or_more}: "
                f"{self._mean()}. Between equals, the lower validation loss decides, and then their order."
            )
        else:
            most = "higher" if self._total == 2 else "highest"
            text = f"{tried} {name} gave the {most} {self._average}: {self._mean()}."
        return text if self._conclusion.learned else f"{text} Yet it was not shown to do better than {self._baseline}."

    def _worse(self) -> str:
        worse = self._of(self._conclusion.worse)
        if not worse:
            return ""
        if len(worse) == 1:
            group = capital(self._called.group(self._conclusion.worse, named=True))
            return f"{group} was worse by {points(worse[0].difference)} ({p_value(worse[0].p)})."
        group = capital(self._called.group(self._conclusion.worse))
        if len(worse) <= NAMED:
            parts = [
                f"{self._called.name(one.setting)} by {points(one.difference)} ({p_value(one.p)})" for one in worse
            ]
            return f"{group} were worse: {listing(parts)}."
        highest = max(one.p for one in worse)
        p = f"all {p_value(highest)}" if highest < 0.001 else p_value(highest, "≤")
        return f"{group} were worse, by {points_range([one.difference for one in worse])} ({p})."

    def _ties(self) -> str:
        ties = self._of(self._conclusion.ties)
        if not ties:
            return ""
        one = len(ties) == 1
        group = self._called.group(self._conclusion.ties, named=one)
        text = f"For {group}{'' if one else ','} no difference from the best was found"
        details = [f"{lower_by(tie.difference, 'equal on average')}, {p_value(tie.p)}" for tie in ties]
        if one:
            text += f" ({details[0]})."
        elif len(ties) <= NAMED:
            named = [f"{self._called.name(tie.setting)} ({detail})" for tie, detail in zip(ties, details, strict=True)]
            text += f": {listing(named)}."
        else:
            lowest = min(tie.p for tie in ties)
            text += " (all p = 1.00)." if lowest >= 0.995 else f" ({p_value(lowest, '≥')})."
        allowed = max(max(abs(tie.difference_low), abs(tie.difference_high)) for tie in ties)
        if allowed == 0:
            return f"{text} {'The two' if one else 'All of them'} gave the same {self._quantity} in every repetition."
        whose, interval = (
            ("the two", "interval still allows a difference") if one else ("they", "intervals still allow differences")
        )
        return (
            f"{text} This does not prove that {whose} are equally good: the {self._level} {interval} of "
            f"up to {points(allowed)}."
        )

    def _untested(self) -> str:
        """What a single repetition allows to be said of the others."""
        others = self._of(self._conclusion.ties)
        if not others:
            return ""
        one = len(others) == 1
        group = capital(self._called.group(self._conclusion.ties, named=one))
        if one:
            text = f"{group} follows ({lower_by(others[0].difference)})."
        elif len(others) <= NAMED:
            parts = [f"{self._called.name(other.setting)} ({lower_by(other.difference)})" for other in others]
            text = f"{group} follow: {listing(parts)}."
        else:
            text = f"{group} follow, lower by {points_range([other.difference for other in others])}."
        return (
            f"{text} With a single repetition no test can be made, so that it remains open whether the "
            f"{'difference is' if one else 'differences are'} more than chance; several repetitions would tell."
        )

    def _at_chance(self) -> str:
        settings = self._conclusion.at_chance
        if not settings:
            return ""
        group = capital(self._called.group(settings, named=True))
        who = "it was" if len(settings) == 1 else "they were"
        return f"{group} stayed at the level of chance: {who} not shown to do better than {self._baseline}."

    def _diverged(self) -> str:
        failed = self._of(self._conclusion.diverged)
        if not failed:
            return ""
        if len(failed) == 1:
            group = capital(self._called.group(self._conclusion.diverged, named=True))
            return f"{group} diverged {self._how_often(failed[0])} and was left out of the comparison."
        group = capital(self._called.group(self._conclusion.diverged))
        if len(failed) <= NAMED:
            parts = [f"{self._called.name(one.setting)} ({self._how_often(one)})" for one in failed]
            return f"{group} diverged and were left out of the comparison: {listing(parts)}."
        often = " in at least one repetition" if self._repetitions > 1 else ""
        return f"{group} diverged{often} and were left out of the comparison."

    def _all_diverged(self) -> str:
        often = {self._how_often(verdict) for verdict in self._verdicts}
        when = often.pop() if len(often) == 1 else "in at least one repetition"
        return (
            f"{capital(self._called.everyone())} diverged {when}: a loss or a weight stopped being a finite number. "
            f"Nothing can therefore be concluded about the {self._quantity}. The usual cause is a learning rate "
            f"that is too large; {SMALLER_RATES}."
        )

    def _nothing_learned(self) -> str:
        if self._total == 1:
            first = f"The only {self._called.singular} tried, {self._best_name}, was"
        elif self._compared == 1:
            first = f"Of the {self._called.counted(self._total)} tried, only {self._best_name} never diverged; it was"
        elif self._total == 2:
            first = f"Neither of the two {self._called.plural} was"
        else:
            first = f"None of the {self._called.counted(self._total)} was"
        not_shown = "not shown" if self._compared == 1 else "shown"
        if self._compared == 1:
            second = f"Its {self._average} was {self._mean()}."
        else:
            most = "higher" if self._total == 2 else "highest"
            second = f"The {most} {self._average}, that of {self._best_name}, was {self._mean()}."
        return f"{first} {not_shown} to do better than {self._baseline}. {second}"

    def _advice(self) -> str:
        if self._conclusion.diverged:
            return "Divergence is a sign of learning rates that are too large; smaller ones should be tried first."
        return "Other learning rates, more epochs and a check of the labels are the first things to try."

    def _of(self, settings: tuple[int, ...]) -> list[Verdict]:
        return [self._verdicts[setting] for setting in settings]

    def _mean(self) -> str:
        """`87.5 % over 15 repetitions (95 % interval from 84.1 % to 90.9 %)`, of the best."""
        best, repetitions = self._best, self._repetitions
        if repetitions == 1:
            return f"{percent(best.mean)} in a single repetition"
        if best.deviation > 1e-12:
            text = f"{percent(best.mean)} over {number(repetitions)} repetitions"
        elif repetitions == 2:
            text = f"{percent(best.mean)} in both repetitions"
        else:
            text = f"{percent(best.mean)} in each of the {number(repetitions)} repetitions"
        if best.low == best.high:
            return text
        return f"{text} ({self._level} interval from {percent(best.low)} to {percent(best.high)})"

    def _how_often(self, verdict: Verdict) -> str:
        """`in 2 of 15 repetitions`, `in all three repetitions`."""
        if self._repetitions == 1:
            return "in the only repetition"
        if verdict.diverged < self._repetitions:
            return f"in {verdict.diverged} of {self._repetitions} repetitions"
        return f"in {'both' if self._repetitions == 2 else f'all {number(self._repetitions)}'} repetitions"
