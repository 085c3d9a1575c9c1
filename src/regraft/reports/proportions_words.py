"""The sentences of the proportions study, from its numbers alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from regraft.evaluation.learning_curves import FARTHEST, FEWEST, Extrapolation, Prediction
from regraft.reports._comparison_phrases import capital, number, p_value, points, points_range, sentence_count
from regraft.reports._words import THIN, count, listing, percent
from regraft.reports.document import named
from regraft.studies.proportions_results import Comparison, Curve, ProportionResults, images_for
from regraft.studies.proportions_study import QUICK_PARTS

_INTERVAL = f"95{THIN}% interval"


def reached(found: ProportionResults) -> str:
    """The accuracy with all training images, and how it rose to that."""
    curve = found.transfer
    last = curve.means[-1]
    sentences = [
        f"With transfer and all {count(found.most, 'training image')} the accuracy is {percent(last.mean)} "
        f"({_INTERVAL} "
        f"{percent(last.low)} to {percent(last.high)}) on {count(found.facts['test'], 'test image')}"
        + (f", the mean of {number(len(curve.repeats))} repetitions." if len(curve.repeats) > 1 else ".")
    ]
    if len(curve.images) > 1:
        first = curve.means[0]
        share = found.most / curve.images[0]
        sentences.append(
            f"With {curve.images[0]:,} images, {_fraction(share)} of them, it is {percent(first.mean)} "
            f"({percent(first.low)} to {percent(first.high)})."
        )
    sentences.append(f"Always answering with the most frequent class gives {percent(found.facts['majority'])}.")
    return " ".join(sentences)


def _fraction(times: float) -> str:
    return f"one in {round(times):,}" if abs(times - round(times)) < 0.02 * times else f"{percent(1 / times)}"


def more_images(found: ProportionResults) -> str:
    """How many more images would help, or why that cannot be said."""
    ahead, curve = found.ahead, found.transfer
    if ahead.silence is not None:
        return f"Whether more images would help cannot be said from this study: {_silence(found)}"
    sentences = []
    for prediction, times in zip(ahead.predictions, ("twice", "four times"), strict=True):
        sentences.append(
            f"With {times} as many, {_images(prediction.images)}, an accuracy of {percent(prediction.accuracy)} is to "
            "be "
            f"expected on average ({_INTERVAL} {percent(prediction.low)} to {percent(prediction.high)}), "
            f"{_more(prediction)}."
        )
    sentences.append(_halving(ahead, found))
    sentences.append(
        f"Of more than {number(FARTHEST)} times the {count(curve.images[-1], 'image')} that were there, nothing is "
        "said."
    )
    return " ".join(sentences)


def _more(prediction: Prediction) -> str:
    low, high = (f"{100 * value:.1f}" for value in (prediction.gain_low, prediction.gain_high))
    size = points(prediction.gain)
    return f"{size} more ({low} to {high}) than the same law gives with those that were there"


def _halving(ahead: Extrapolation, found: ProportionResults) -> str:
    middle, low, high = ahead.halving
    error = 1 - found.transfer.means[-1].mean
    half = f"Half of today’s error of {percent(error)}"
    beyond = f"{number(FARTHEST)} times as many images"
    if low is None:
        return f"{half} is not to be expected from {beyond} or fewer."
    if middle is None:
        return (
            f"{half} may take {_images(low)} at the least; more likely it takes more than {beyond}, or is out of reach."
        )
    upper = f"{_images(high)}" if high is not None else f"more than {beyond}"
    return f"{half} is to be expected with about {_images(middle)} ({_INTERVAL} {_images(low)} to {upper})."


def _silence(found: ProportionResults) -> str:
    curve = found.transfer
    most = curve.images[-1]
    match found.ahead.silence:
        case "few":
            return (
                f"it takes at least {number(FEWEST)} numbers of training images to see how the accuracy rises, and "
                "there "
                f"{'was' if len(curve.images) == 1 else 'were'} {number(len(curve.images))}."
            )
        case "narrow":
            return (
                f"the parts, from {curve.images[0]:,} to {most:,} images, differ too little to be trusted with what "
                "lies "
                f"beyond them; the largest should be at least {number(FARTHEST)} times the smallest."
            )
        case "perfect":
            return (
                f"with {count(most, 'image')} every one of the {count(found.facts['test'], 'test image')} was answered "
                "rightly, so that nothing is left to be gained that these test images could show."
            )
    return (
        f"from {curve.images[0]:,} to {most:,} images no rise of the accuracy was found that could not be chance, so "
        "that "
        "no law can be drawn on."
    )


def law_sentence(found: ProportionResults) -> str:
    """The law that fits the measured errors, and how it did where it could be checked; empty where there is none."""
    law = found.ahead.law
    if law is None:
        return ""
    floor = f" + {law.floor:.3f}" if law.determined else ""
    sentences = [f"The law that fits the mean errors best is error = {law.scale:.3g}·n^(−{law.exponent:.2f}){floor}."]
    if law.determined:
        sentences.append(
            f"Its floor, an error of {percent(law.floor)} that no number of images would take away, fits better than "
            "none by more than chance."
        )
    elif len(found.transfer.images) > FEWEST:
        alone = [1 - law.scale * point.images**-law.exponent for point in found.ahead.predictions]
        sentences.append(
            "Whether it has a floor, an error that no number of images would take away, cannot be told from these "
            f"numbers. Without one it would lead to {percent(alone[0])} and {percent(alone[1])} with twice and four "
            "times "
            "the images; what is expected here and its interval allow for both."
        )
    if (check := found.ahead.check) is not None:
        measured = found.transfer.means[-1].mean
        inside = check.low <= measured <= check.high
        sentences.append(
            f"As a check, the same was done without the largest part: from up to {found.transfer.images[-2]:,} images "
            "it "
            f"expects {percent(check.accuracy)} ({_INTERVAL} {percent(check.low)} to {percent(check.high)}) with "
            f"{found.most:,}; measured were {percent(measured)}, which lies {'inside' if inside else 'outside'}."
        )
        if not inside:
            sentences.append("So the law is to be trusted less here than its interval says.")
    return " ".join(sentences)


def transfer_words(found: ProportionResults) -> tuple[str, ...]:
    """Where transfer is better, where not, and how many images it is worth."""
    if found.scratch is None:
        return (_no_scratch(found),)
    return tuple(filter(None, (_verdicts(found.comparisons), _worth(found), _meeting(found))))


def _no_scratch(found: ProportionResults) -> str:
    return (
        "The network was not trained from random weights in this study, so that it cannot say what transfer is worth."
        if not found.facts.get("refused")
        else "Keras cannot train here, so that the study cannot say what transfer is worth."
    )


def _verdicts(comparisons: Sequence[Comparison]) -> str:
    said = {
        1: ("transfer was better than training from random weights", ""),
        -1: ("transfer was worse than training from random weights", ", which is negative transfer"),
        0: ("no difference was found between transfer and training from random weights", ""),
    }
    parts = []
    for verdict, (words, end) in said.items():
        some = [one for one in comparisons if one.verdict == verdict]
        if not some:
            continue
        images = f"{listing([f'{one.images:,}' for one in some])} training image{'s' if some[-1].images > 1 else ''}"
        by = f", by {points_range([one.test.difference for one in some])}" if verdict else ""
        below = f" ({p_value(max(one.p for one in some), '≤' if len(some) > 1 else '=')}" if verdict else ""
        adjusted = (
            ", adjusted for the number of comparisons)" if verdict and len(comparisons) > 1 else ")" * bool(below)
        )
        parts.append(f"{words} with {images}{by}{below}{adjusted}{end}")
    return f"{capital('; '.join(parts))}."


def _worth(found: ProportionResults) -> str:
    """How many images with transfer do what all of them do without, or the other way round."""
    scratch = found.scratch
    assert scratch is not None
    best = scratch.means[-1].mean
    without = f"What {count(scratch.images[-1], 'image')} do from random weights, {percent(best)},"
    enough = images_for(found.transfer, best)
    if enough == 0.0:
        return f"{without} transfer does with {count(found.transfer.images[0], 'image')} or fewer."
    if enough is not None:
        return f"{without} transfer does with about {_images(enough)}."
    enough = images_for(scratch, found.transfer.means[-1].mean)
    with_all = f"What {count(found.most, 'image')} do with transfer, {percent(found.transfer.means[-1].mean)},"
    if enough is None:
        return ""
    if enough == 0.0:
        return f"{with_all} training from random weights does with {count(scratch.images[0], 'image')} or fewer."
    return f"{with_all} training from random weights does with about {_images(enough)}."


def _meeting(found: ProportionResults) -> str:
    """Where the two curves meet within what was measured; no word of where they would meet beyond."""
    scratch = found.scratch
    assert scratch is not None
    shared = found.comparisons
    signs = [one.test.difference > 0 for one in shared]
    if len(shared) < 2:
        return ""
    for place in range(1, len(shared)):
        before, after = shared[place - 1], shared[place]
        if signs[place - 1] != signs[place]:
            return f"The curves cross between {before.images:,} and {after.images:,} images."
    first, last = shared[0], shared[-1]
    return (
        "Within these numbers of images the curves do not cross: with transfer it stays "
        f"{'ahead' if signs[0] else 'behind'}, "
        f"by {points(first.test.difference)} with {first.images:,} and {points(last.test.difference)} with "
        f"{last.images:,} images.{_beyond(found)}"
    )


def _beyond(found: ProportionResults) -> str:
    """Where the laws of both curves would meet, as far as anything is said of them."""
    if found.ahead.silence is not None or found.ahead_scratch is None or found.ahead_scratch.silence is not None:
        return ""
    met = found.meeting
    if met is not None:
        return f" The laws of the two would meet at about {_images(met)}."
    both = [percent(one.predictions[-1].accuracy) for one in (found.ahead, found.ahead_scratch)]
    return (
        f" Up to {number(FARTHEST)} times as many images, the laws of the two do not meet either: there they expect "
        f"{both[0]} with transfer and {both[1]} without."
    )


def warnings_of(found: ProportionResults) -> tuple[str, ...]:
    """What a reader must know first."""
    said = []
    if found.quick:
        scratch = ""
        if found.scratch is not None:
            size = found.facts["scratch"]["size"]
            own = found.facts["backbone"]["size"][0]
            scratch = (
                f", and from random weights the network was trained with the {number(QUICK_PARTS)} largest parts "
                "alone, "
                "for few epochs"
                + (f" and on images of {size} in place of {own} pixels" if size != own else "")
                + ": those numbers show the method and no more"
            )
        repetitions = sentence_count(len(found.transfer.repeats), "repetition")
        said.append(f"Quick study: {repetitions[0].lower()}{repetitions[1:]} only{scratch}.")
    left = [part for part in found.facts["parts"] if part["problem"]]
    if left:
        each = listing(
            [f"{part['fraction']:.4g} ({count(part['images'], 'image')}: {part['problem']})" for part in left]
        )
        said.append(
            f"Left out, as there are too few images for {'it' if len(left) == 1 else 'them'}: the "
            f"fraction{'s' if len(left) > 1 else ''} {each}."
        )
    if found.facts.get("refused"):
        reason = named(found.facts["refused"].splitlines()[0].rstrip("."))
        said.append(f"Nothing was trained from random weights, because Keras cannot train here: {reason}.")
    return tuple(said)


def limits(found: ProportionResults) -> tuple[str, ...]:
    """What the study does not show."""
    items = []
    curve = found.transfer
    if len(curve.repeats) == 1:
        items.append("With one repetition, how much the draw of the training images matters is not known.")
    else:
        items.append(
            "The repetitions share their test images, and the largest part is the same in all of them where it holds "
            "every training image: there they differ in the choice of the setting, the initial weights and the batches "
            "alone."
        )
    items.append(
        "What more images would bring holds for images of the same kind, gathered in the same way, with the same "
        "classes, "
        "and for the same network with frozen features; other images, a larger network or fine-tuning may bring more."
    )
    if found.scratch is not None:
        items.append(
            f"From random weights, the learning rate was {_rate_words(found)}; with more epochs, augmentation or "
            "another "
            "design, training from scratch may do better."
        )
        if len(found.scratch.repeats) == 1:
            items.append(
                "From random weights there was one repetition: the interval of a difference holds the chance of the "
                "test "
                "images, and not that of another draw of the training images."
            )
    return tuple(items)


def _rate_words(found: ProportionResults) -> str:
    facts = found.facts["scratch"]
    if not facts["tried"]:
        return f"fixed at {facts['rate']:g}"
    return f"chosen on {count(facts['images'], 'image')} and used for the smaller parts as well"


def _images(value: float) -> str:
    """A number of images to two digits: `1,600 images`."""
    digits = max(0, math.floor(math.log10(max(value, 1))) - 1)
    whole = int(round(value / 10**digits) * 10**digits)
    return count(whole if abs(whole - value) > 0.001 * value else round(value), "image")


def epochs_words(curve: Curve) -> str:
    """The epochs of the trainings, from the largest part to the smallest: `20 to 89`."""
    least, most = min(low for low, _ in curve.epochs), max(high for _, high in curve.epochs)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
