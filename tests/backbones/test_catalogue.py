"""The cards against Keras itself: networks are built, symbolically and without weights, and compared."""

import itertools
import os
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.backbones._outlines import without_values
from regraft.backbones.catalogue import CATALOGUE, DEFAULT_BACKBONE, get_card
from regraft.errors import InputError

# A network of many layers takes a second or two: the default run builds small ones, `-m slow` all the others.
QUICK = ("EfficientNetLite0", "AlexNet", "VGG16", "MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0")
QUICK += ("NASNetMobile",)
QUICK_FILES = ("VGG16", "VGG19", "ResNet50", "MobileNet", "MobileNetV2", "MobileNetV3Small", "ConvNeXtTiny")
EVERY = tuple(name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CATALOGUE)
KERAS = tuple(name for name, card in CATALOGUE.items() if card.module not in ("efficientnet_lite", "alexnet"))
EVERY_OF_KERAS = tuple(name if name in QUICK_FILES else pytest.param(name, marks=pytest.mark.slow) for name in KERAS)


def import_keras() -> ModuleType:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    return keras


def build(name: str, **options: Any) -> Any:
    """The network with shapes but without arrays: in a stateless scope Keras allocates no variable."""
    keras = import_keras()
    try:
        with without_values():
            if name.startswith("EfficientNetLite"):
                from regraft.backbones.efficientnet_lite import build_efficientnet_lite

                size = options.get("input_shape", (CATALOGUE[name].size,))[0]
                return build_efficientnet_lite(
                    name, size=size, include_top=options.get("include_top", True), data_format="channels_last"
                )
            if name == "AlexNet":
                from regraft.backbones.alexnet import build_alexnet

                size = options.get("input_shape", (CATALOGUE[name].size,))[0]
                return build_alexnet(
                    size=size, include_top=options.get("include_top", True), data_format="channels_last"
                )
            return getattr(keras.applications, name)(**{"weights": None, **options})
    finally:
        # Else the next scope to end would allocate the variables that this one left out.
        keras.utils.clear_session()


@pytest.mark.parametrize("name", EVERY)
def test_parameters_and_usual_size(name: str) -> None:
    network = build(name)
    assert network.count_params() == CATALOGUE[name].parameters
    assert network.output_shape == (None, 1000)
    if name.startswith("MobileNetV3"):
        # These leave the size open; their docstring names the usual one.
        assert (
            f"({CATALOGUE[name].size}, {CATALOGUE[name].size}, 3)" in getattr(import_keras().applications, name).__doc__
        )
    else:
        assert network.input_shape == (None, CATALOGUE[name].size, CATALOGUE[name].size, 3)


@pytest.mark.parametrize("name", EVERY)
def test_features_and_minimum_size(name: str) -> None:
    card = CATALOGUE[name]
    options = {"include_top": False, "pooling": "avg"}
    assert build(name, input_shape=(card.minimum_size,) * 2 + (3,), **options).output_shape == (None, card.features)
    if name in KERAS:
        with pytest.raises(ValueError, match=f"at least {card.minimum_size}x{card.minimum_size}"):
            build(name, input_shape=(card.minimum_size - 1,) * 2 + (3,), **options)


class FileAskedFor(Exception):
    """Carries the name of the file that Keras wanted to download."""


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    import_keras()
    from keras.src.utils import file_utils

    def tell(fname: str, *arguments: object, **options: object) -> None:
        raise FileAskedFor(fname)

    monkeypatch.setattr(file_utils, "get_file", tell)


@pytest.mark.usefixtures("no_download")
@pytest.mark.parametrize("name", EVERY_OF_KERAS)
def test_weight_stem_is_in_the_name_of_keras_file(name: str) -> None:
    card = CATALOGUE[name]
    with pytest.raises(FileAskedFor) as asked:
        build(name, weights="imagenet", input_shape=(card.size, card.size, 3))
    assert str(asked.value).removeprefix("weights_").startswith(card.weight_stem)


class ArgumentsAccepted(Exception):
    """Keras has checked its arguments and begins to build."""


@pytest.mark.parametrize("name", [name for name, card in CATALOGUE.items() if card.alphas])
@pytest.mark.parametrize("alpha", [0.25, 0.35, 0.5, 0.6, 0.75, 1.0, 1.3, 1.4])
def test_alphas_are_those_with_official_weights(name: str, alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    import_keras()
    from keras.src import layers

    def begin(**options: object) -> None:
        raise ArgumentsAccepted

    monkeypatch.setattr(layers, "Input", begin)
    expected = ArgumentsAccepted if alpha in CATALOGUE[name].alphas else ValueError
    with pytest.raises(expected):
        build(name, weights="imagenet", alpha=alpha, input_shape=(224, 224, 3), include_top=False)


def test_every_network_of_keras_has_a_card() -> None:
    applications = import_keras().applications
    networks = {name for name in dir(applications) if name[0].isupper()}
    for module in (getattr(applications, name) for name in dir(applications) if name.islower()):
        networks |= {name for name in dir(module) if name[0].isupper()}
    assert networks == set(KERAS)
    assert {name: getattr(applications, name).__module__.rpartition(".")[2] for name in KERAS} == {
        name: CATALOGUE[name].module for name in KERAS
    }


CHANNELS_FIRST_SCRIPT = """
import sys
import keras
keras.config.set_image_data_format("channels_first")
for name, size in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    try:
        network = getattr(keras.applications, name)(
            weights=None, include_top=False, pooling="avg", input_shape=(3, size, size))
        print(name, network.output_shape[-1])
    except ValueError as error:
        assert "channels_first" in str(error), error
        print(name, "refused")
"""


@pytest.mark.slow
def test_channels_first_under_openvino() -> None:
    smallest: dict[str, str] = {}
    for name in sorted(KERAS, key=lambda name: CATALOGUE[name].parameters):
        smallest.setdefault(CATALOGUE[name].family, name)
    cards = [CATALOGUE[name] for name in smallest.values()]
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            CHANNELS_FIRST_SCRIPT,
            *(text for card in cards for text in (card.name, str(card.size))),
        ],
        env={**os.environ, "KERAS_BACKEND": "openvino"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = dict(line.split() for line in result.stdout.splitlines())
    assert found == {card.name: str(card.features) if card.channels_first else "refused" for card in cards}


def test_order_starts_with_the_default() -> None:
    assert next(iter(CATALOGUE)) == DEFAULT_BACKBONE == "EfficientNetLite0"
    assert list(CATALOGUE)[1:4] == ["EfficientNetLite1", "EfficientNetLite2", "AlexNet"]
    assert [card.name for card in CATALOGUE.values()] == list(CATALOGUE)
    families = [card.family for card in CATALOGUE.values()]
    assert len(set(families)) == 1 + sum(first != second for first, second in itertools.pairwise(families))


def test_no_two_networks_share_a_weight_stem() -> None:
    assert len({card.weight_stem for card in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_is_found_in_any_capitals(name: str) -> None:
    assert get_card(name) is get_card(name.lower()) is get_card(name.upper()) is CATALOGUE[name]


@given(st.text())
def test_unknown_names_are_refused_with_a_hint(name: str) -> None:
    if name.lower() not in {known.lower() for known in CATALOGUE}:
        with pytest.raises(InputError, match="regraft backbones"):
            get_card(name)


def test_close_names_are_offered() -> None:
    with pytest.raises(InputError, match="perhaps ResNet50"):
        get_card("resnet-50v3")
