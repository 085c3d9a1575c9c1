"""The sentences of a proportions study on its accuracies, on more images and on its limits, from its numbers alone."""

from __future__ import annotations

import math

from regraft.evaluation.learning_curves import FARTHEST, Extrapolation, Prediction
from regraft.evaluation.power_laws import FEWEST
from regraft.reports._comparison_phrases import number, points, sentence_count
from regraft.reports._words import THIN, count, listing, percent
from regraft.reports.document import named
from regraft.studies.proportions_results import Curve, ProportionResults
from regraft.studies.proportions_study import QUICK_PARTS

_INTERVAL = f"95{THIN}% interval"


def reached(found: ProportionResults) -> str:
    """The accuracy with the largest part of the training images, and how it rose to that."""
    curve = found.transfer
    last = curve.means[-1]
    all_images = count(found.facts["training"], "training image")
    part = f"all {all_images}" if found.is_whole else f"{found.most:,} of the {all_images}"
    sentences = [
        f"With transfer and {part} the accuracy is {percent(last.mean)} ({_INTERVAL} {percent(last.low)} to "
        f"{percent(last.high)}) on {count(found.facts['test'], 'test image')}"
        + (f", the mean of {number(len(curve.repeats))} repetitions." if len(curve.repeats) > 1 else ".")
    ]
    if len(curve.images) > 1:
        first = curve.means[0]
        share = f", {_fraction(found.most / curve.images[0])} of them," if found.is_whole else ""
        sentences.append(
            f"With {curve.images[0]:,} images{share} it is {percent(first.mean)} "
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
            f"With {times} as many, {images_words(prediction.images)}, an accuracy of {percent(prediction.accuracy)} "
            f"is to be expected on average ({_INTERVAL} {percent(prediction.low)} to {percent(prediction.high)}), "
            f"{_more(prediction, found)}."
        )
    sentences.append(_halving(ahead, found))
    most = count(curve.images[-1], "image")
    if found.is_whole:
        farthest = f"the {most} that were there"
    else:
        farthest = f"the {most} of the largest part"
        further, all_images = found.facts["training"] - found.most, count(found.facts["training"], "training image")
        sentences.append(
            f"The largest part leaves out {further:,} of the {all_images}: with a larger fraction, some of this can be "
            "measured."
        )
    sentences.append(f"Of more than {number(FARTHEST)} times {farthest}, nothing is said.")
    return " ".join(sentences)


def _more(prediction: Prediction, found: ProportionResults) -> str:
    low, high = (f"{100 * value:.1f}" for value in (prediction.gain_low, prediction.gain_high))
    with_those = "those that were there" if found.is_whole else f"the {found.most:,} of the largest part"
    return f"{points(prediction.gain)} more ({low} to {high}) than the same law gives with {with_those}"


def _halving(ahead: Extrapolation, found: ProportionResults) -> str:
    middle, low, high = ahead.halving
    error = percent(1 - found.transfer.means[-1].mean)
    half = f"Half of today’s error of {error}" if found.is_whole else f"Half of that part’s error of {error}"
    beyond = f"{number(FARTHEST)} times as many images"
    if low is None:
        return f"{half} is not to be expected from {beyond} or fewer."
    if middle is None:
        least = images_words(low)
        return f"{half} may take {least} at the least; more likely it takes more than {beyond}, or is out of reach."
    upper = images_words(high) if high is not None else f"more than {beyond}"
    return f"{half} is to be expected with about {images_words(middle)} ({_INTERVAL} {images_words(low)} to {upper})."


def _silence(found: ProportionResults) -> str:
    curve = found.transfer
    most = curve.images[-1]
    match found.ahead.silence:
        case "few":
            return (
                f"it takes at least {number(FEWEST)} numbers of training images to see how the accuracy rises, and "
                f"there {'was' if len(curve.images) == 1 else 'were'} {number(len(curve.images))}."
            )
        case "narrow":
            return (
                f"the parts, from {curve.images[0]:,} to {most:,} images, differ too little to be trusted with what "
                f"lies beyond them; the largest should be at least {number(FARTHEST)} times the smallest."
            )
        case "perfect":
            return (
                f"with {count(most, 'image')} every one of the {count(found.facts['test'], 'test image')} was answered "
                "rightly, so that nothing is left to be gained that these test images could show."
            )
    return (
        f"from {curve.images[0]:,} to {most:,} images no rise of the accuracy was found that could not be chance, so "
        "that no law can be drawn on."
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
            "times the images; what is expected here and its interval allow for both."
        )
    if (check := found.ahead.check) is not None:
        measured = found.transfer.means[-1].mean
        inside = check.low <= measured <= check.high
        sentences.append(
            f"As a check, the same was done without the largest part: from up to {found.transfer.images[-2]:,} images "
            f"it expects {percent(check.accuracy)} ({_INTERVAL} {percent(check.low)} to {percent(check.high)}) with "
            f"{found.most:,}; measured were {percent(measured)}, which lies {'inside' if inside else 'outside'}."
        )
        if not inside:
            sentences.append("So the law is to be trusted less here than its interval says.")
    return " ".join(sentences)


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
                "alone, for few epochs"
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
    return (*said, *_divergences(found))


def _divergences(found: ProportionResults) -> list[str]:
    said = []
    if found.rates_diverged:
        said.append(
            "Every learning rate that was tried for the training from random weights diverged; the lowest, "
            f"{found.facts['scratch']['rate']:g}, was taken."
        )
    if found.diverged:
        several = len(found.diverged) > 1
        left_out = (
            f"{'these numbers of images are' if several else 'this number of images is'} left out of what is said of"
            if found.scratch is not None
            else "nothing is said of"
        )
        said.append(
            f"The training{'s' * several} from random weights with {listing([f'{one:,}' for one in found.diverged])} "
            f"images diverged (the loss was no finite number any more), so that {left_out} training from random "
            "weights."
        )
    return said


def limits(found: ProportionResults) -> tuple[str, ...]:
    """What the study does not show."""
    items = []
    curve = found.transfer
    if len(curve.repeats) == 1:
        items.append("With one repetition, how much the draw of the training images matters is not known.")
    else:
        items.append(
            "The repetitions share their test images"
            + (
                ", and the largest part, which holds every training image, is the same in all of them: there they "
                "differ in the choice of the setting, the initial weights and the batches alone."
                if found.is_whole
                else ": how they differ shows the chance of the training images, not that of the test images."
            )
        )
    items.append(
        "What more images would bring holds for images of the same kind, gathered in the same way, with the same "
        "classes, and for the same network with frozen features; other images, a larger network or fine-tuning may "
        "bring more."
    )
    if found.scratch is not None:
        items.append(
            f"From random weights, the learning rate was {_rate_words(found)}; with more epochs, augmentation or "
            "another design, training from scratch may do better."
        )
        if len(found.scratch.repeats) == 1:
            items.append(
                "From random weights there was one repetition: the interval of a difference holds the chance of the "
                "test images, and not that of another draw of the training images."
            )
    return tuple(items)


def _rate_words(found: ProportionResults) -> str:
    facts = found.facts["scratch"]
    if not facts["tried"]:
        return f"fixed at {facts['rate']:g}"
    if found.rates_diverged:
        return "the lowest of those tried, all of which diverged"
    return f"chosen on {count(facts['images'], 'image')} and used for the smaller parts as well"


def images_words(value: float) -> str:
    """A number of images to two digits: `1,600 images`."""
    digits = max(0, math.floor(math.log10(max(value, 1))) - 1)
    whole = int(round(value / 10**digits) * 10**digits)
    return count(whole if abs(whole - value) > 0.001 * value else round(value), "image")


def epochs_words(curve: Curve) -> str:
    """The epochs of the trainings, from the largest part to the smallest: `20 to 89`."""
    least, most = min(low for low, _ in curve.epochs), max(high for _, high in curve.epochs)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
