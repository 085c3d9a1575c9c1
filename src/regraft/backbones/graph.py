"""The base as an OpenVINO graph, built once and cached beside its features."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from regraft._files import atomic_folder, cache_folder, explained_disk_errors
from regraft.backbones._topology import INPUT
from regraft.backbones.base import Base
from regraft.backbones.classifier import Classifier
from regraft.backbones.names import BackboneName
from regraft.backbones.preprocessing import INSIDE, Preprocessing
from regraft.errors import InputError, RegraftError

# Changes when the graph of the same base is to be built anew, for speed or for a fault in the building.
_REVISION = 1


def graphs_folder() -> Path:
    """Where the graphs are kept, a folder for each base's identity and the versions that built it."""
    return cache_folder() / "graphs"


def cached_graph(identity: str) -> Path | None:
    """The OpenVINO file of the base with that identity, if these versions have built it on this machine."""
    graph = _folder(identity) / "base.xml"
    with suppress(OSError):
        os.utime(graph.with_suffix(".json"))  # when it was last used, for pruning
    return graph if graph.is_file() else None


def _folder(identity: str) -> Path:
    from importlib.metadata import version

    versions = "-".join(f"{package}{version(package)}" for package in ("keras", "openvino"))
    return graphs_folder() / f"{identity}-{versions}-{_REVISION}"


def base_graph(base: Base, *, in_process: bool = False) -> Path:
    """Gives the OpenVINO file (`.xml`, its weights beside it) of a base, building it at the first call.

    The graph takes uint8 RGB pixels (1, height, width, 3), has the preprocessing inside, and gives float32
    (1, features), or at a layer its activations: maps as (1, height, width, channels). It is built by a process of its
    own, because Keras fixes its backend once and this process may already use another, or other settings.

    Args:
        base: the frozen part.
        in_process: build it in this process, which saves some seconds, where Keras runs on the backend that is needed.
            For processes that are regraft's own: what a user has told Keras must not get into the graph.

    Raises:
        InputError: the weights do not fit the network, or it cannot be cut there.
    """
    base.refuse_several("They have a graph each")

    def export(target: Path) -> None:
        export_graph(
            base.network,
            base.weights.path,
            base.preprocessing,
            target,
            spelling=base.spelling,
            layer=base.cut if base.ends_at_layer else None,
            pooling=base.pooling,
            input_size=(base.height, base.width) if base.resized_to else None,
            in_process=in_process,
        )

    return _kept(base.identity, {"backbone": base.spelling, **base.description()}, export)


def classifier_graph(classifier: Classifier) -> Path:
    """Gives the OpenVINO file of a network with its own head, building it at the first call, like `base_graph`.

    The graph takes uint8 RGB pixels (1, size, size, 3), has the preprocessing inside, and gives float32 (1, 1000):
    the probabilities of ImageNet's classes.

    Raises:
        InputError: the weights do not fit the network.
    """
    name = classifier.network

    def export(target: Path) -> None:
        weights = classifier.weights.path
        export_graph(name, weights, name.card.preprocessing, target, spelling=str(name), include_top=True)

    return _kept(classifier.identity, {"backbone": str(name), **classifier.description()}, export)


def _kept(identity: str, about: dict[str, Any], export: Callable[[Path], None]) -> Path:
    """The graph of that identity from the cache, made by `export` where it is not there."""
    folder = _folder(identity)
    with explained_disk_errors(folder):
        if graph := cached_graph(identity):
            return graph
        if folder.is_dir() and not (folder / "base.xml").is_file():  # somebody took the graph out of it
            shutil.rmtree(folder)
    with atomic_folder(folder) as temporary:
        export(temporary / "base.xml")
        (temporary / "base.json").write_text(json.dumps(about, indent=2))
    return folder / "base.xml"


def export_graph(
    network: BackboneName | None,
    weights: Path | None,
    preprocessing: Preprocessing,
    target: Path,
    *,
    spelling: str = "",
    layer: str | None = None,
    pooling: str = "average",
    input_size: tuple[int, int] | None = None,
    include_top: bool = False,
    in_process: bool = False,
) -> None:
    """Writes the OpenVINO file of a network of the catalogue (without weights: random ones) or of a saved model.

    Args:
        network: None for a saved model.
        weights: the weight file, or the saved model.
        preprocessing: from pixels to the network's input.
        target: the `.xml` file to write.
        spelling: how messages call it.
        layer: whose output the graph is to give; None for features.
        pooling: how the features are pooled.
        input_size: height and width of what the graph takes, where it is to resize it to the network's own.
        include_top: a network of the catalogue with its own head: the probabilities of ImageNet's classes.
        in_process: as for `base_graph`.

    Raises:
        InputError: the weights do not fit the network, or it cannot be cut there.
    """
    if layer == INPUT:
        preprocessing = INSIDE  # the pixels themselves
    first = network is not None and network.card.channels_first and layer != INPUT
    # OpenVINO runs a channels_last graph from Keras' own backend some four times slower than TensorFlow's export of it.
    backend = "tensorflow" if not first and layer != INPUT and importlib.util.find_spec("tensorflow") else "openvino"
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    request = {
        "network": None if network is None else vars(network),
        "weights": None if weights is None else str(weights),
        "preprocessing": preprocessing.as_dict(),
        "data_format": "channels_first" if first else "channels_last",
        "spelling": spelling,
        "layer": layer,
        "pooling": pooling,
        "input_size": input_size,
        "include_top": include_top,
        "target": str(target),
    }
    if in_process and _keras_runs_on(backend):
        _write_graph_explained(request)
        return
    done = subprocess.run(
        # -P: a file in the user's folder that is named like a module must not be taken for it
        [sys.executable, "-P", "-m", "regraft.backbones.graph", json.dumps(request)],
        env=environment,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
    )
    if done.returncode == InputError.exit_code and done.stdout:
        raise InputError(json.loads(done.stdout.splitlines()[-1])["error"])
    if done.returncode:
        raise RegraftError(f"The graph of {spelling or network} could not be built:\n{done.stderr[-3000:]}")


def _keras_runs_on(backend: str) -> bool:
    import keras

    return str(keras.backend.backend()) == backend


def _base_model(request: dict[str, Any]) -> Any:
    """The base in Keras: a network of the catalogue or a saved model, up to its features or up to a layer."""
    import keras

    from regraft.backbones.networks import (
        build_network,
        cut_saved_model,
        image_data_format,
        load_saved_model,
        model_until,
    )

    layer, pooling = request["layer"], request["pooling"]
    if request["network"] is not None:
        name = BackboneName(**request["network"])
        if layer == INPUT:
            pixels = keras.Input((name.size, name.size, 3))
            return keras.Model(pixels, keras.ops.cast(pixels, "float32"))
        weights = Path(request["weights"]) if request["weights"] else None
        whole = build_network(
            name,
            weights=weights,
            include_top=request["include_top"],
            data_format=request["data_format"],
            pooling=pooling,
        )
    else:
        with image_data_format("channels_last"):
            whole = load_saved_model(Path(request["weights"]))
            if layer is None:
                return cut_saved_model(whole, request["spelling"], pooling)
    return whole if layer is None else model_until(whole, layer)


def _write_graph(request: dict[str, Any]) -> None:
    """Runs in the process of its own: exports the base and puts the preprocessing in front of it."""
    model = _base_model(request)
    import openvino
    from openvino.preprocess import ColorFormat, PrePostProcessor, ResizeAlgorithm

    target = Path(request["target"])
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        plain = Path(scratch) / "plain.xml"
        model.export(str(plain), format="openvino", verbose=False)
        graph = openvino.Core().read_model(plain)
        _keep_the_output(graph)
        channels_first = request["data_format"] == "channels_first"
        rank = list(graph.inputs[0].get_partial_shape())
        graph.reshape([1, *rank[1:]])
        steps = PrePostProcessor(graph)
        image = steps.input()
        colour = ColorFormat.RGB
        image.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC")).set_color_format(colour)
        image.model().set_layout(openvino.Layout("NCHW" if channels_first else "NHWC"))
        if request["input_size"] is not None:
            image.tensor().set_spatial_static_shape(*request["input_size"])
            image.preprocess().convert_element_type(openvino.Type.f32).resize(ResizeAlgorithm.RESIZE_LINEAR)
        preprocessing = request["preprocessing"]
        if preprocessing["channels"] == "BGR":
            image.preprocess().convert_color(ColorFormat.BGR)
        scale, offset = preprocessing["scale"], preprocessing["offset"]
        if list(scale) != [1.0] * 3 or list(offset) != [0.0] * 3:
            image.preprocess().convert_element_type(openvino.Type.f32)
            image.preprocess().mean([-o / s for s, o in zip(scale, offset, strict=True)])
            image.preprocess().scale([1 / s for s in scale])
        if channels_first and len(graph.outputs[0].get_partial_shape()) == 4:
            steps.output().model().set_layout(openvino.Layout("NCHW"))
            steps.output().tensor().set_layout(openvino.Layout("NHWC"))
        openvino.save_model(steps.build(), target, compress_to_fp16=False)


def _keep_the_output(graph: Any) -> None:
    """Takes out the scalars, pieces of a shape, that TensorFlow's export of a resizing layer leaves as outputs."""
    for result in graph.results:
        if result.get_output_partial_shape(0).rank == 0:
            graph.remove_result(result)


def _write_graph_explained(request: dict[str, Any]) -> None:
    """Like `_write_graph`, with an `InputError` where the graph cannot be written."""
    folder = Path(request["target"]).parent.parent
    try:
        with explained_disk_errors(folder):
            _write_graph(request)
    except RuntimeError as error:
        if "iostream" not in str(error):  # all that OpenVINO says where it cannot write
            raise
        raise InputError(
            f"The graph could not be written in {folder}; most likely the disk is full.",
            received=str(error),
            hint="free some space (`regraft cache --prune` empties the cache) or set REGRAFT_CACHE to a folder on "
            "another disk, then run the same command again",
        ) from error


if __name__ == "__main__":
    try:
        _write_graph_explained(json.loads(sys.argv[1]))
    except InputError as error:
        # Through the pipe, not a file: the disk may be full.
        print("\n" + json.dumps({"error": str(error)}), flush=True)  # noqa: T201
        raise SystemExit(error.exit_code) from None
