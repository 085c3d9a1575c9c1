"""Backbone names: read, written back, and refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.names import MAXIMUM_SIZE, BackboneName, parse_backbone
from regraft.errors import InputError


@pytest.mark.parametrize(
    ("text", "card_name", "alpha", "size"),
    [
        ("MobileNetV2", "MobileNetV2", 1.0, 224),
        ("MobileNet-0.75", "MobileNet", 0.75, 224),
        ("MobileNetV2-0.35@320", "MobileNetV2", 0.35, 320),
        ("EfficientNetLite0@320", "EfficientNetLite0", 1.0, 320),
        ("NASNetLarge", "NASNetLarge", 1.0, 331),
        ("mobilenetv3SMALL-.75@96", "MobileNetV3Small", 0.75, 96),
        (" VGG16@32 ", "VGG16", 1.0, 32),
        (f"VGG16-1.0@{MAXIMUM_SIZE}", "VGG16", 1.0, MAXIMUM_SIZE),
    ],
)
def test_reads(text: str, card_name: str, alpha: float, size: int) -> None:
    assert parse_backbone(text) == BackboneName(card_name, alpha, size)


@pytest.mark.parametrize(
    ("text", "shortest"),
    [
        ("mobilenetv2-1.0@224", "MobileNetV2"),
        ("mobilenetv2-1@192", "MobileNetV2@192"),
        ("MobileNet-0.50@224", "MobileNet-0.5"),
        ("efficientnetb1@240", "EfficientNetB1"),
        ("efficientnetb1@224", "EfficientNetB1@224"),
    ],
)
def test_writes_the_shortest_spelling(text: str, shortest: str) -> None:
    assert str(parse_backbone(text)) == shortest


@st.composite
def backbone_names(draw: st.DrawFn) -> BackboneName:
    card = draw(st.sampled_from(list(CATALOGUE.values())))
    alpha = draw(st.sampled_from(card.alphas or (1.0,)))
    return BackboneName(card.name, alpha, draw(st.just(card.size) | st.integers(card.minimum_size, MAXIMUM_SIZE)))


@given(backbone_names(), st.sampled_from([str, str.lower, str.upper]))
def test_round_trip(name: BackboneName, spell: object) -> None:
    assert parse_backbone(spell(str(name))) == name  # type: ignore[operator]


@given(st.text())
def test_any_text_is_read_or_refused_with_input_error(text: str) -> None:
    try:
        name = parse_backbone(text)
    except InputError:
        return
    assert parse_backbone(str(name)) == name


@given(
    network=st.sampled_from(["MobileNet", "VGG16", "EfficientNetLite0"]),
    rest=st.text(alphabet="-@0123456789.eE_+ nainf٣", max_size=12),
)
def test_anything_after_a_name_is_read_or_refused_with_input_error(network: str, rest: str) -> None:
    try:
        name = parse_backbone(network + rest)
    except InputError:
        return
    assert name.card.minimum_size <= name.size <= MAXIMUM_SIZE
    assert name.alpha in (name.card.alphas or (1.0,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MobileNetV9", "perhaps MobileNetV2"),
        ("mobilenet_v2", "perhaps MobileNetV2\n"),
        ("efficientnet-lite0", "perhaps EfficientNetLite0\n"),
        ("", "regraft backbones"),
        ("MobileNet-", "perhaps MobileNet\n"),
        ("MobileNetV2-0.25", "one of the widths 0.35, 0.5, 0.75, 1, 1.3, 1.4"),
        ("VGG16-0.5", "comes in one only"),
        ("Xception@70", "from 71 to 2048"),
        ("VGG16@2049", "from 32 to 2048"),
        ("VGG16@0", "from 32 to 2048"),
        ("VGG16@-224", "from 32 to 2048"),
        ("VGG16@", "from 32 to 2048"),
        ("VGG16@big", "Received: 'big'"),
        ("VGG16@224x224", "Received: '224x224'"),
        ("VGG16@" + "9" * 5000, "from 32 to 2048"),
        ("MobileNet-nan", "perhaps MobileNet"),
        ("MobileNet-" + "9" * 5000, "one of the widths"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_backbone(text)
    assert message in str(caught.value)


def test_a_name_holds_only_what_can_be_built() -> None:
    assert BackboneName("mobilenetv2") == BackboneName("MobileNetV2", 1.0, 224)
    for alpha, size in ((0.3, 224), (float("nan"), 224), (1.0, 31), (1.0, -1)):
        with pytest.raises(InputError):
            BackboneName("MobileNetV2", alpha, size)
