"""The cards of the networks made for small devices: MobileNet, V2 and V3, and NASNet."""

from __future__ import annotations

from regraft.backbones.cards import KERAS_LICENCE_SOURCE, KERAS_SOURCE, Card
from regraft.backbones.preprocessing import INSIDE, TF

MOBILENET = (
    Card(
        name="MobileNet",
        family="MobileNet",
        module="mobilenet",
        size=224,
        minimum_size=32,
        preprocessing=TF,
        parameters=4_253_864,
        size_mb=16,
        top1=70.4,
        top5=89.5,
        depth=55,
        features=1024,
        licence="Apache-2.0",
        alphas=(0.25, 0.5, 0.75, 1.0),
        weight_stem="mobilenet",
        channels_first=True,
        blocks=r"(conv_)(?:dw_|pw_|pad_)(\d+)",
        source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
    ),
    Card(
        name="MobileNetV2",
        family="MobileNetV2",
        module="mobilenet_v2",
        size=224,
        minimum_size=32,
        preprocessing=TF,
        parameters=3_538_984,
        size_mb=14,
        top1=71.3,
        top5=90.1,
        depth=105,
        features=1280,
        licence="Apache-2.0",
        alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
        weight_stem="mobilenet_v2",
        channels_first=True,
        blocks=r"block_\d+|expanded_conv",
        source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
    ),
)

MOBILENET_V3 = tuple(
    Card(
        name=f"MobileNetV3{variant}",
        family="MobileNetV3",
        module="mobilenet_v3",
        size=224,
        minimum_size=32,
        preprocessing=INSIDE,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=None,
        depth=None,
        features=features,
        licence="Apache-2.0",
        alphas=(0.75, 1.0),
        weight_stem=f"mobilenet_v3_{variant.lower()}",
        channels_first=True,
        blocks=r"expanded_conv(?:_\d+)?",
        source="top-1: the docstring of Keras 3.15 (Keras' table leaves this network out); parameters, sizes and "
        "width of the features: built with Keras 3.15; size in MB: 4 bytes a parameter; licence: the authors' "
        "repository, https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet",
    )
    for variant, parameters, size_mb, top1, features in (
        ("Small", 2_554_968, 10, 68.1, 576),
        ("Large", 5_507_432, 21, 75.6, 960),
    )
)

NASNET = tuple(
    Card(
        name=f"NASNet{variant}",
        family="NASNet",
        module="nasnet",
        size=size,
        minimum_size=32,
        preprocessing=TF,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=top5,
        depth=depth,
        features=features,
        licence="Apache-2.0",
        weight_stem=f"nasnet_{variant.lower()}",
        channels_first=False,
        blocks=r"(?:normal|reduction|adjust)_.*?_(stem_[12]|reduce_\d+|\d+)$",
        source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
    )
    for variant, size, parameters, size_mb, top1, top5, depth, features in (
        ("Mobile", 224, 5_326_716, 23, 74.4, 91.9, 389, 1056),
        ("Large", 331, 88_949_818, 343, 82.5, 96.0, 533, 4032),
    )
)
