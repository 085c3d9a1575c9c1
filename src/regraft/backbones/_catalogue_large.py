"""The cards of AlexNet, Xception, VGG, ResNet, Inception, DenseNet and ConvNeXt."""

from __future__ import annotations

from regraft.backbones.cards import KERAS_LICENCE_SOURCE, KERAS_SOURCE, Card
from regraft.backbones.preprocessing import CAFFE, INSIDE, TF, TORCH

ALEXNET = Card(
    name="AlexNet",
    family="AlexNet",
    module="alexnet",
    size=224,
    minimum_size=63,
    preprocessing=TORCH,
    parameters=61_100_840,
    size_mb=233,
    top1=56.5,
    top5=79.1,
    depth=8,
    features=256,
    licence="your file's",
    weight_stem="alexnet",
    channels_first=True,
    blocks=r"conv\d",
    source="parameters, size in MB, top-1 and top-5, which are those of torchvision's weights for this network: "
    "https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.alexnet.html; depth: the layers with "
    "parameters; there is no licence: no weights come with regraft or with Keras",
    note="there are no weights to download: name a file with --weights; one tower (Krizhevsky 2014), not two (2012)",
)

XCEPTION = Card(
    name="Xception",
    family="Xception",
    module="xception",
    size=299,
    minimum_size=71,
    preprocessing=TF,
    parameters=22_910_480,
    size_mb=88,
    top1=79.0,
    top5=94.5,
    depth=81,
    features=2048,
    licence="MIT",
    weight_stem="xception",
    channels_first=True,
    blocks=r"block\d+",
    source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
)

VGG = tuple(
    Card(
        name=f"VGG{depth}",
        family="VGG",
        module=f"vgg{depth}",
        size=224,
        minimum_size=32,
        preprocessing=CAFFE,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=top5,
        depth=depth,
        features=512,
        licence="CC-BY-4.0",
        weight_stem=f"vgg{depth}",
        channels_first=True,
        blocks=r"block\d",
        source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
        note="its licence asks for attribution to the Visual Geometry Group, University of Oxford",
    )
    for depth, parameters, size_mb, top1, top5 in (
        (16, 138_357_544, 528, 71.3, 90.1),
        (19, 143_667_240, 549, 71.3, 90.0),
    )
)

RESNET = tuple(
    Card(
        name=f"ResNet{layers}",
        family="ResNet",
        module="resnet",
        size=224,
        minimum_size=32,
        preprocessing=CAFFE,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=top5,
        depth=depth,
        features=2048,
        licence="MIT",
        weight_stem=f"resnet{layers}",
        channels_first=True,
        blocks=r"conv\d_block\d+",
        source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
    )
    for layers, parameters, size_mb, top1, top5, depth in (
        (50, 25_636_712, 98, 74.9, 92.1, 107),
        (101, 44_707_176, 171, 76.4, 92.8, 209),
        (152, 60_419_944, 232, 76.6, 93.1, 311),
    )
)

RESNET_V2 = tuple(
    Card(
        name=f"ResNet{layers}V2",
        family="ResNetV2",
        module="resnet_v2",
        size=224,
        minimum_size=32,
        preprocessing=TF,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=top5,
        depth=depth,
        features=2048,
        licence="BSD",
        weight_stem=f"resnet{layers}v2",
        channels_first=True,
        blocks=r"conv\d_block\d+",
        source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
        note="Keras' documentation says BSD and names facebook/fb.resnet.torch as the origin, without the version",
    )
    for layers, parameters, size_mb, top1, top5, depth in (
        (50, 25_613_800, 98, 76.0, 93.0, 103),
        (101, 44_675_560, 171, 77.2, 93.8, 205),
        (152, 60_380_648, 232, 78.0, 94.2, 307),
    )
)

INCEPTION = tuple(
    Card(
        name=name,
        family="Inception",
        module=module,
        size=299,
        minimum_size=75,
        preprocessing=TF,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=top5,
        depth=depth,
        features=features,
        licence="Apache-2.0",
        weight_stem=module,
        channels_first=True,
        blocks=r"mixed\d+$|mixed_\d[ab]|block\d+_\d+",
        source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
    )
    for name, module, parameters, size_mb, top1, top5, depth, features in (
        ("InceptionV3", "inception_v3", 23_851_784, 92, 77.9, 93.7, 189, 2048),
        ("InceptionResNetV2", "inception_resnet_v2", 55_873_736, 215, 80.3, 95.3, 449, 1536),
    )
)

DENSENET = tuple(
    Card(
        name=f"DenseNet{layers}",
        family="DenseNet",
        module="densenet",
        size=224,
        minimum_size=32,
        preprocessing=TORCH,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=top5,
        depth=depth,
        features=features,
        licence="BSD-3-Clause",
        weight_stem=f"densenet{layers}",
        channels_first=False,
        blocks=r"conv\d_block\d+",
        source=f"{KERAS_SOURCE}; {KERAS_LICENCE_SOURCE}",
    )
    for layers, parameters, size_mb, top1, top5, depth, features in (
        (121, 8_062_504, 33, 75.0, 92.3, 242, 1024),
        (169, 14_307_880, 57, 76.2, 93.2, 338, 1664),
        (201, 20_242_984, 80, 77.3, 93.6, 402, 1920),
    )
)

_FROM_21K = "pre-trained on ImageNet-21k, then fine-tuned on ImageNet-1k"

CONVNEXT = tuple(
    Card(
        name=f"ConvNeXt{variant}",
        family="ConvNeXt",
        module="convnext",
        size=224,
        minimum_size=32,
        preprocessing=INSIDE,
        parameters=parameters,
        size_mb=size_mb,
        top1=top1,
        top5=None,
        depth=None,
        features=features,
        licence="MIT",
        weight_stem=f"convnext_{variant.lower()}",
        channels_first=False,
        blocks=r"stage_\d_block_\d+",
        source=f"{KERAS_SOURCE}; licence: the authors' repository, https://github.com/facebookresearch/ConvNeXt",
        note=note,
    )
    for variant, parameters, size_mb, top1, features, note in (
        ("Tiny", 28_589_128, 109.42, 81.3, 768, ""),
        ("Small", 50_223_688, 192.29, 82.3, 768, ""),
        ("Base", 88_591_464, 338.58, 85.3, 1024, _FROM_21K),
        ("Large", 197_767_336, 755.07, 86.3, 1536, _FROM_21K),
        ("XLarge", 350_196_968, 1310, 86.7, 2048, _FROM_21K),
    )
)
