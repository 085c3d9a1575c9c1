"""The cut anywhere: a network divided into a base and a top that share its layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft._keras_backend import prefer_training_backend
from regraft.backbones._blocks import read_blocks
from regraft.backbones._topology import Graph, activations_at, read_graph
from regraft.backbones.base import Base, open_base
from regraft.backbones.cards import Card
from regraft.backbones.networks import image_data_format, load_saved_model, model_until, whole_model
from regraft.backbones.pooling import is_pooling
from regraft.errors import InputError


@dataclass(frozen=True)
class CutPlan:
    """Where a network is to be cut.

    Attributes:
        at: the layer whose output is the cut, or `input`.
        trainable: the layers after it that may be trained, as Keras lists them, those without weights included.
    """

    at: str
    trainable: tuple[str, ...]


@dataclass(frozen=True)
class Cut:
    """A network in two parts. All three models are made of the same layers: training `top` trains `whole`.

    Attributes:
        at: the layer whose output is the cut, or `input`.
        base: uint8 RGB pixels (batch, height, width, 3) → float32 activations at the cut.
        top: activations at the cut → features (a saved or given model: its output).
        whole: `top` after `base`, as one flat model: pixels → features.
        trainable: names of the layers of `top` that may be trained.
    """

    at: str
    base: Any
    top: Any
    whole: Any
    trainable: tuple[str, ...]

    def freeze(self) -> None:
        """Makes the layers named in `trainable` trainable, and no others; a model built on `top` keeps to it."""
        for model in (self.whole, self.top, self.base):
            model.trainable = True  # sets all of its layers, so first
        for layer in self.whole.layers:
            layer.trainable = layer.name in self.trainable
        self.base.trainable = False


def find_cut(
    model: Any,
    *,
    at: str | None = None,
    from_layer: str | None = None,
    last: int | None = None,
    blocks: int | None = None,
    card: Card | None = None,
) -> CutPlan:
    """Says where a network is to be cut, by exactly one of four wishes.

    Args:
        model: a functional or Sequential Keras model with one input and one output.
        at: the last layer of the base, or `input`.
        from_layer: the first layer of the top.
        last: how many layers at the end are to be trained, as Keras lists them, without the input, regraft's
            preprocessing and the pooling at the end. The cut is the latest before all of them; layers between it and
            them are part of the top, but stay frozen.
        blocks: how many blocks at the end are to be trained; all of them: the cut is `input`.
        card: of the network, for the names of its blocks.

    Raises:
        InputError: not exactly one wish; no such layer; a cut that would sever a connection (names it, and the
            nearest cuts); a number below 1 or above what there is.
    """
    wishes = {"at": at, "from_layer": from_layer, "last": last, "blocks": blocks}
    given = [name for name, wish in wishes.items() if wish is not None]
    if len(given) != 1:
        raise InputError(
            "Where to cut is said in exactly one way.",
            expected=" or ".join(wishes),
            received=" and ".join(given) or "none of them",
        )
    graph = read_graph(model)
    layers = _trainable_layers(model, graph)
    if last is not None:
        _check_count(last, len(layers), "layers")
        chosen = layers[len(layers) - last :]
        first = min(graph.position(name) for name in chosen)
        return CutPlan(graph.cut_name(max(cut for cut in graph.cuts if cut < first)), tuple(chosen))
    if blocks is not None:
        found = read_blocks(graph, card.blocks if card else None)
        _check_count(blocks, len(found), "blocks")
        position = found[-blocks].after
    elif at is not None:
        position = graph.cut_after(at)
    else:
        assert from_layer is not None
        position = graph.cut_before(from_layer)
    after = [name for name in layers if graph.position(name) > position]
    return CutPlan(graph.cut_name(position), tuple(after))


def _check_count(count: int, most: int, what: str) -> None:
    if not 1 <= count <= most:
        raise InputError(
            f"The network cannot be trained by that number of {what}.",
            expected=f"a whole number from 1 to {most}, all there are",
            received=str(count),
        )


def _trainable_layers(model: Any, graph: Graph) -> list[str]:
    """The layers that can be asked for: as Keras lists them, without input, preprocessing and final pooling."""
    before = {step.name for step in graph.steps[: graph.start]}
    layers = [layer for layer in model.layers if layer.name not in before]
    while layers and is_pooling(layers[-1]):
        layers.pop()
    return [layer.name for layer in layers]


def cut(
    backbone: str | Path | Base | Any,
    *,
    at: str | None = None,
    from_layer: str | None = None,
    last: int | None = None,
    blocks: int | None = None,
    weights: Path | None = None,
    pooling: str = "average",
) -> Cut:
    """Cuts a backbone in two. The layers of the top named by the plan can be trained, all others are frozen.

    Args:
        backbone: a name of the catalogue (`MobileNetV2@96`): ends in features; a `.keras` file, a run folder, or a
            functional or Sequential Keras model, whose own layers become part of the cut: ends in its output; a
            `Base`: ends in its features, wherever the base itself is cut.
        at, from_layer, last, blocks: one of them, see `find_cut`.
        weights: a weight file for a network of the catalogue; searched for where None.
        pooling: of a network of the catalogue by name, one of `pooling.POOLINGS`.

    Raises:
        InputError: no such backbone or weights, a model that cannot be cut, or what `find_cut` raises.
    """
    prefer_training_backend()
    card = None
    if isinstance(backbone, str | Path):
        base = open_base(str(backbone), weights=weights, pooling=pooling)
        card = base.network.card if base.network else None
        whole = whole_model(base) if base.network else _saved(base)
    elif weights is not None or pooling != "average":
        raise InputError("Weights and pooling go with a backbone's name; a model and a base bring their own.")
    elif isinstance(backbone, Base):
        card = backbone.network.card if backbone.network else None
        whole = whole_model(backbone.until_features())
    else:
        whole = backbone
    plan = find_cut(whole, at=at, from_layer=from_layer, last=last, blocks=blocks, card=card)
    return cut_model(whole, plan)


def _saved(base: Base) -> Any:
    if base.pooling != "average":
        raise InputError(
            f"{base.spelling} is cut with its own end inside, so it cannot be pooled otherwise.",
            received=f"pooling {base.pooling}",
        )
    with image_data_format("channels_last"):
        return load_saved_model(base.weights.path)


def cut_model(model: Any, plan: CutPlan) -> Cut:
    """Cuts a functional or Sequential Keras model as planned, and freezes what is not to be trained.

    Raises:
        InputError: the plan is not for this model.
    """
    import keras

    activations = activations_at(model, plan.at)
    flat = keras.Model(model.inputs[0], model.outputs[0]) if isinstance(model, keras.Sequential) else model
    parts = Cut(
        at=plan.at,
        base=model_until(flat, plan.at),
        # From a tensor in the middle Keras copies the graph, not the layers.
        top=keras.Model(activations, flat.outputs[0]),
        whole=flat,
        trainable=plan.trainable,
    )
    parts.freeze()
    return parts
