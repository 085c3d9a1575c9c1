"""What the graph of a network with its own head gives, against Keras' own forward pass of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.backbones import graph
from regraft.backbones.classifier import Classifier, open_classifier
from regraft.errors import UnreadableImageError
from regraft.features import classification as module
from regraft.features.classification import classify_images
from regraft.images.reading import read_image

SPELLING = "MobileNet-0.25@32"


@pytest.fixture(scope="module")
def network() -> object:
    """What `keras.applications` builds, with made-up weights; its answers differ from image to image."""
    import keras

    model = keras.applications.MobileNet(alpha=0.25, weights=None, input_shape=(32, 32, 3))
    generator = np.random.default_rng(0)
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name == "kernel":  # He et al. (2015), so that images stay told apart
                inputs = np.prod(variable.shape[:2] if variable.shape[-1] == 1 else variable.shape[:-1])
                variable.assign(generator.normal(0, np.sqrt(2 / inputs), variable.shape))
            else:
                low, high = {"gamma": (0.8, 1.2), "moving_variance": (0.5, 1.0)}.get(variable.name, (-0.1, 0.1))
                variable.assign(generator.uniform(low, high, variable.shape))
    head = model.get_layer("conv_preds")
    head.set_weights([8 * values for values in head.get_weights()])
    return model


@pytest.fixture(scope="module")
def classifier(network: object, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    path = tmp_path_factory.mktemp("top") / "with_top.weights.h5"
    network.save_weights(path)  # type: ignore[attr-defined]
    return open_classifier(SPELLING, weights=path)


def test_the_probabilities_are_those_of_keras(
    network: object, classifier: Classifier, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    files = [photos / "red" / "00.jpg", photos / "green" / "01.jpg", photos / "blue" / "02.jpg"]
    bad = tmp_path / "bad.jpg"
    bad.write_text("text")
    grey = np.arange(40 * 50, dtype=np.uint8).reshape(40, 50)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    sources = [files[0], bad, files[1], tmp_path / "none.jpg", files[2], grey, tmp_path / "grey.png"]
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    monkeypatch.setattr(module, "_AHEAD", 3)
    found = classify_images(classifier, sources, top=1000)

    assert len(found) == len(sources)
    for place, reason in ((1, "image"), (3, "no such file")):
        error = found[place]
        assert isinstance(error, UnreadableImageError)
        assert reason in str(error)
    answers = [one for one in found if not isinstance(one, UnreadableImageError)]
    pixels = np.stack([read_image(one, 32) for one in (*files, grey, grey)])
    inputs = keras.applications.mobilenet.preprocess_input(pixels.astype(np.float32))
    expected = np.asarray(network(inputs))  # type: ignore[operator]
    assert expected.max() > 0.05
    assert np.ptp(expected, axis=0).max() > 0.01
    for ranked, row in zip(answers, expected, strict=True):
        probabilities = np.array([answer.probability for answer in ranked])
        assert (np.diff(probabilities) <= 0).all()
        order = [answer.imagenet.index for answer in ranked]
        assert sorted(order) == list(range(1000))
        np.testing.assert_allclose(probabilities, row[order], rtol=0, atol=1e-5)
    assert answers[3] == answers[4]

    # Built once: a second time nothing is exported.
    about = json.loads(graph.classifier_graph(classifier).with_suffix(".json").read_text())
    assert about["backbone"] == SPELLING
    assert about["weights"] == classifier.weights.sha256
    assert about["cut"] == "ImageNet's classes"
    monkeypatch.setattr(graph, "export_graph", None)
    again = classify_images(classifier, [files[1]], top=2)
    assert len(again) == 1
    assert [answer.imagenet for answer in again[0]] == [answer.imagenet for answer in answers[1][:2]]  # type: ignore[union-attr]
    assert classify_images(classifier, []) == []


@pytest.mark.slow
@pytest.mark.usefixtures("real_weights")
@pytest.mark.parametrize(
    "spelling", ["EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2", "MobileNetV2", "MobileNet-0.75"]
)
def test_the_classes_are_in_the_networks_order(spelling: str, real_data: Path) -> None:
    """On a photo of each of 31 classes: published accuracies are 70 to 78 % for the first answer, 90 % for five."""
    files = sorted((real_data / "imagenet_samples").glob("*.JPEG"))
    assert len(files) == 31
    found = classify_images(open_classifier(spelling), files)
    ranked = [
        [answer.imagenet.wordnet_id for answer in answers]
        for answers in found
        if not isinstance(answers, UnreadableImageError)
    ]
    first = [ids[0] == file.name[:9] for ids, file in zip(ranked, files, strict=True)]
    five = [file.name[:9] in ids for ids, file in zip(ranked, files, strict=True)]
    assert sum(first) >= 26
    assert sum(five) >= 30
