"""Three ways to convolve the same maps, counted and timed: standard, spatially separable, depthwise separable.

python examples/three_convolutions.py [SIDE CHANNELS OUTPUTS WINDOW]   (56 128 128 5 where nothing is given)
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("KERAS_BACKEND", "openvino")

import keras
import numpy as np
import openvino

from regraft.backbones.costs import Totals, layer_costs, totals

# OpenVINO's own order: with the channels last every convolution would be transposed there and back.
FORMAT = "channels_first" if keras.backend.backend() == "openvino" else "channels_last"


def networks(side: int, channels: int, outputs: int, window: int) -> dict[str, keras.Model]:
    """SIDE × SIDE × CHANNELS → SIDE × SIDE × OUTPUTS, every output number seeing WINDOW × WINDOW places."""
    shape = (channels, side, side) if FORMAT == "channels_first" else (side, side, channels)
    how = {"padding": "same", "use_bias": False, "data_format": FORMAT}
    conv, depthwise = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    ways = {
        "standard": [conv(outputs, window, **how)],
        "spatially separable": [conv(outputs, (window, 1), **how), conv(outputs, (1, window), **how)],
        "depthwise separable": [depthwise(window, **how), conv(outputs, 1, **how)],
    }
    return {name: keras.Sequential([keras.Input(shape), *steps]) for name, steps in ways.items()}


def compiled(model: keras.Model) -> openvino.CompiledModel:
    """The model as OpenVINO runs it on the processor, in float32."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        model.export(str(path), format="openvino", verbose=False)
        graph = openvino.Core().read_model(path)
        graph.reshape([1, *model.input_shape[1:]])
        return openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def milliseconds(models: dict[str, keras.Model], rounds: int) -> dict[str, float]:
    """The median time of each, one after the other in every round, so that what else runs here disturbs all alike."""
    engines = {name: compiled(model) for name, model in models.items()}
    shape = next(iter(models.values())).input_shape[1:]
    maps = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine(maps)
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: median(taken[rounds // 5 :]) for name, taken in times.items()}  # the first warm up


def table(counted: dict[str, Totals], times: dict[str, float]) -> str:
    """One line for each way; in brackets what it is of the standard one."""
    lines = [f"{'':20} {'parameters':>11} {'MACs':>14} {'':8} {'ms':>7}"]
    whole, longest = counted["standard"].macs, times["standard"]
    for name, sums in counted.items():
        macs, taken = (
            f"{sums.macs:>14,} ({sums.macs / whole:6.1%})",
            f"{times[name]:7.2f} ({times[name] / longest:6.1%})",
        )
        lines.append(f"{name:20} {sums.parameters:>11,} {macs} {taken}")
    return "\n".join(lines)


if __name__ == "__main__":
    side, channels, outputs, window = map(int, sys.argv[1:]) if sys.argv[1:] else (56, 128, 128, 5)
    models = networks(side, channels, outputs, window)
    print(f"{side}×{side}×{channels} → {side}×{side}×{outputs}, windows of {window}×{window}")
    print(table({name: totals(layer_costs(model)) for name, model in models.items()}, milliseconds(models, 100)))
