"""The parts that the reports of all studies share: images and split, the recommended run, names and references."""

from __future__ import annotations

from collections import Counter
from io import BytesIO

import numpy as np
import numpy.typing as npt

from regraft._files import cache_folder
from regraft.errors import RegraftError
from regraft.images.labelled import ImageCollection, LabelledImage
from regraft.images.named import NAMED_SETS
from regraft.images.reading import read_image
from regraft.reports import _facts as facts
from regraft.reports._comparison_phrases import number
from regraft.reports._words import THIN, count, percent, shortened, shown
from regraft.reports.document import Block, Figure, Paragraph, Picture, Pictures, Reference, Table, literal, named
from regraft.reports.figures import confusion_matrix
from regraft.reports.references import RECIPES, WILSON
from regraft.runs.data import find_images
from regraft.runs.folder import RunFolder
from regraft.studies.declaration import Study
from regraft.studies.results import Results

NADEAU = Reference(
    "nadeau2003",
    "C. Nadeau, Y. Bengio. Inference for the generalization error. Machine Learning 52, 239–281, 2003.",
    "https://doi.org/10.1023/A:1024068626366",
)
BOUCKAERT = Reference(
    "bouckaert2004",
    "R. R. Bouckaert, E. Frank. Evaluating the replicability of significance tests for comparing learning algorithms. "
    "PAKDD 2004, 3–12.",
    "https://doi.org/10.1007/978-3-540-24775-3_3",
)
HOLM = Reference(
    "holm1979",
    "S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2), "
    "65–70, 1979.",
)
SUTSKEVER = Reference(
    "sutskever2013",
    "I. Sutskever, J. Martens, G. Dahl, G. Hinton. On the importance of initialization and momentum in deep learning. "
    "ICML 2013.",
    "https://proceedings.mlr.press/v28/sutskever13.html",
)
GLOROT = Reference(
    "glorot2010",
    "X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks. AISTATS 2010.",
    "https://proceedings.mlr.press/v9/glorot10a.html",
)
KINGMA = Reference(
    "kingma2015",
    "D. P. Kingma, J. Ba. Adam: a method for stochastic optimization. ICLR 2015.",
    "https://arxiv.org/abs/1412.6980",
)
LOSHCHILOV = RECIPES["adamw"]
SRIVASTAVA = Reference(
    "srivastava2014",
    "N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov. Dropout: a simple way to prevent neural "
    "networks from overfitting. Journal of Machine Learning Research 15, 1929–1958, 2014.",
    "https://jmlr.org/papers/v15/srivastava14a.html",
)
SHARED_REFERENCES = (WILSON, NADEAU, BOUCKAERT, HOLM, SUTSKEVER, GLOROT, KINGMA, LOSHCHILOV, SRIVASTAVA)
_IN_TEXT = {
    "Nadeau and Bengio, 2003": "Nadeau and Bengio [[cite:nadeau2003]]",
    "Bouckaert and Frank, 2004": "Bouckaert and Frank [[cite:bouckaert2004]]",
    "Holm’s method (1979)": "Holm’s method [[cite:holm1979]]",
}

_MOST_CLASSES = 12
_MOST_PICTURED = 8  # classes
_PICTURE = 160  # pixels
_PICTURE_COLUMNS = 30  # of the word below it


def cited(text: str) -> str:
    """The text with its citations by name and year turned into references."""
    for words, reference in _IN_TEXT.items():
        text = text.replace(words, reference)
    return text


def quoted(label: str) -> str:
    """The name of a setting in a sentence, in quotation marks where it has a comma or an `and` of its own."""
    name = named(label)
    return f"“{name}”" if "," in name or " and " in name else name


def images_at_hand(study: Study) -> ImageCollection | None:
    """The images of a study; None where they are no longer there. Nothing is downloaded for a report."""
    config = study.config(study.settings[0].values)
    asked = config.images
    known = NAMED_SETS.get(asked.source)
    if known and known.files and asked.path is None and not (cache_folder() / "datasets" / known.name).is_dir():
        return None
    try:
        return find_images(config)
    except RegraftError:
        return None


def split_table(run: RunFolder, caption: str) -> Table:
    """Images by class and split, from `splits.parquet` of a run."""
    table = run.table("splits")
    counts = Counter(zip(table["label"].to_pylist(), table["split"].to_pylist(), strict=True))
    classes = sorted({label for label, _ in counts})
    splits = ("train", "validation", "test")
    rows = [
        (shown(label), *(f"{counts[label, split]:,}" for split in splits), f"{sum(counts[label, s] for s in splits):,}")
        for label in classes[:_MOST_CLASSES]
    ]
    total = [sum(counts[label, split] for label in classes) for split in splits]
    rows.append(("all", *(f"{value:,}" for value in total), f"{sum(total):,}"))
    more = len(classes) - _MOST_CLASSES
    return Table(
        "images",
        caption,
        ("Class", "Training", "Validation", "Test", "Total"),
        tuple(rows),
        align="lrrrr",
        strong=(len(rows) - 1,),
        note=f"{count(more, 'further class', 'further classes')} not shown." if more > 0 else "",
    )


def split_paragraph(study: Study, results: Results, images: ImageCollection | None) -> Paragraph:
    """How the images of a study were divided, repeated and kept apart.

    Args:
        images: those of the study; where they are no longer there, nobody knows which splits they brought.
    """
    given = set() if images is None else {image.split for image in images.images}
    drawn = f"drawn once, with seed {study.seed}, by a hash of each image’s content"
    if images is None:
        test = f"The test images are those that the collection names, or else were {drawn}."
    elif "test" in given:
        test = "The test images are those that the collection names."
    else:
        test = f"The test images were {drawn}, so that equal images never lie in two splits."
    sentences = [
        test,
        "They took no part in any comparison: only the recommended setting is measured on them, and only once.",
        _repeated(study, results, "validation" in given),
    ]
    if any(axis.startswith("images.") for axis in results.axes):
        sentences.append("These numbers are those of the first setting.")
    sentences.append(
        "A seed also fixes the order of the batches and the initial weights"
        + (
            ", so that within a repetition two settings differ in nothing but what the study varies."
            if len(results.settings) > 1
            else "."
        )
    )
    return Paragraph(" ".join(sentences))


def _repeated(study: Study, results: Results, named_validation: bool) -> str:
    """What the repetitions have in common, and what is drawn anew in each."""
    train, validation = _images(results.train_images), _images(results.images)
    repetitions, seeds = len(results.repetitions), study.seeds
    if study.folds:
        others = "other trains" if study.folds == 2 else "others train"
        by_seed = f"; this was repeated with {number(seeds)} seeds, which gives" if seeds > 1 else ", which gives"
        return (
            f"The other images were divided into {number(study.folds)} folds, each of which validates once while the "
            f"{others}{by_seed} {number(repetitions)} repetitions of {train} training and {validation} validation "
            "images."
        )
    if named_validation:
        own = f"The {validation} validation images, too, are those that the collection names; {train} images train."
        only = f" The {number(seeds)} repetitions differ in the order of the batches and in the initial weights alone."
        return own + (only if seeds > 1 else "")
    if seeds > 1:
        return (
            f"For each of {number(seeds)} seeds, the other images were divided anew into {train} training and "
            f"{validation} validation images."
        )
    return f"The other images were divided once, into {train} training and {validation} validation images."


def _images(numbers: npt.NDArray[np.int64]) -> str:
    """How many images in each repetition: `640`, or `about 640` where they differ."""
    about = "" if (numbers == numbers[0]).all() else "about "
    return f"{about}{round(float(np.mean(numbers))):,}"


def example_pictures(images: ImageCollection | None, run: RunFolder) -> Pictures | None:
    """Training images of every class, two of each where there are few classes; None where there are no images."""
    if images is None:
        return None
    table = run.table("splits")
    train = {h for h, s in zip(table["sha256"].to_pylist(), table["split"].to_pylist(), strict=True) if s == "train"}
    per_class = 2 if len(images.classes) <= 5 else 1
    pictures = []
    for label in images.classes[:_MOST_PICTURED]:
        of_class = [image for image in images.images if image.label == label and image.sha256 in train]
        # By hash: the same ones each time, whatever the files are called.
        for image in sorted(of_class, key=lambda image: image.sha256)[:per_class]:
            if (jpeg := _thumbnail(image)) is not None:
                pictures.append(Picture(jpeg, shortened(label, _PICTURE_COLUMNS)))
    if not pictures:
        return None
    some = "two training images" if per_class == 2 else "a training image"
    classes = f"of the first {number(_MOST_PICTURED)} classes" if len(images.classes) > _MOST_PICTURED else "class"
    return Pictures("examples", f"Examples: {some} of each {classes}.", tuple(pictures), min(len(pictures), 10))


def _thumbnail(image: LabelledImage) -> bytes | None:
    from PIL import Image

    try:
        pixels = read_image(image.source, _PICTURE)
    except RegraftError:
        return None
    content = BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=82)
    return content.getvalue()


def recommended_blocks(run: RunFolder, subject: str = "the recommended setting") -> list[Block]:
    """What the recommended setting, trained as a whole run, does on the test images.

    Args:
        subject: what to call it, where the comparison does not allow a recommendation.
    """
    metrics = run.metrics()
    test, chosen, classes = metrics["test"], metrics["chosen"], metrics["collection"]["classes"]
    low, high = test["accuracy_interval"]
    right, total = facts.right_answers(test), count(test["images"], "test image")
    svg = confusion_matrix(test["confusion_matrix"], classes)
    confused = literal(facts.confusion_sentence(facts.confusions(test["confusion_matrix"], classes)))
    text = (
        f"{subject[0].upper()}{subject[1:]} was trained as a run of its own ({chosen['label']}): for "
        f"{count(chosen['epoch'], 'epoch')}, as validation chose, and then afresh on the training and validation "
        f"images together. It answered {right:,} of {total} rightly: a test accuracy of {percent(test['accuracy'])} "
        f"(95{THIN}% interval {percent(low)} to {percent(high)}, Wilson [[cite:wilson1927]]), where always answering "
        f"“{named(test['baseline']['class'])}” gives {percent(test['baseline']['accuracy'])}. Averaged over the "
        f"classes, precision is {percent(test['macro']['precision'])} and recall {percent(test['macro']['recall'])}. "
        f"{confused}"
    )
    if svg is None:
        return [Paragraph(text)]
    return [
        Paragraph(f"{text} [[confusion]] shows all answers."),
        Figure(
            "confusion",
            f"Confusion matrix of {subject} on the {total}: true classes in rows, answers in columns.",
            svg,
            f"Confusion matrix: {right:,} of {total} on the diagonal.",
            width=0.5,
        ),
    ]
