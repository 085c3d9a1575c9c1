"""The table of official files against what Keras itself would download."""

from collections.abc import Iterator
from typing import Any

import pytest

from regraft.backbones._outlines import without_values
from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.names import BackboneName
from regraft.backbones.official_weights import OfficialFile, official_weights

NAMES = [
    BackboneName(card.name, alpha)
    for card in CATALOGUE.values()
    if card.module not in ("efficientnet_lite", "alexnet")
    for alpha in card.alphas or (1.0,)
]
QUICK = ("VGG16", "VGG19", "MobileNet", "MobileNet-0.25", "MobileNetV2-0.35", "MobileNetV3Small-0.75", "ResNet50")
CASES = [pytest.param(name, id=str(name), marks=() if str(name) in QUICK else pytest.mark.slow) for name in NAMES]


class AskedFor(Exception):
    """Carries the file that Keras wanted to download."""


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keras tells what it would download; networks are built without arrays."""
    import keras
    from keras.src.utils import file_utils

    def tell(fname: str, origin: str, file_hash: str | None = None, md5_hash: str | None = None, **_: Any) -> None:
        raise AskedFor(OfficialFile(fname, origin, file_hash or md5_hash))

    monkeypatch.setattr(file_utils, "get_file", tell)
    try:
        with without_values():
            yield
    finally:
        keras.utils.clear_session()


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize("include_top", [True, False], ids=["top", "no top"])
@pytest.mark.parametrize("name", CASES)
def test_is_the_file_keras_asks_for(name: BackboneName, include_top: bool) -> None:
    import keras

    options: dict[str, Any] = {"input_shape": (name.card.size, name.card.size, 3)}
    if name.card.alphas:
        options["alpha"] = name.alpha
    with pytest.raises(AskedFor) as asked:
        getattr(keras.applications, name.card_name)(weights="imagenet", include_top=include_top, **options)
    assert official_weights(name, include_top=include_top) == asked.value.args[0]


@pytest.mark.parametrize("include_top", [True, False])
def test_every_network_of_keras_has_a_file_of_its_own(include_top: bool) -> None:
    files = [official_weights(name, include_top=include_top) for name in NAMES]
    assert None not in files
    assert len({file.url for file in files if file}) == len(NAMES)
    for name, file in zip(NAMES, files, strict=True):
        assert file is not None
        assert file.url.startswith("https://")
        published = name.card.family not in ("MobileNet", "MobileNetV2")
        assert (len(file.hash or "") in (32, 64)) == published


def test_what_is_not_keras_has_none() -> None:
    assert official_weights(BackboneName("EfficientNetLite0"), include_top=False) is None
    assert official_weights(BackboneName("AlexNet"), include_top=True) is None
