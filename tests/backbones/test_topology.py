"""Where a graph can be cut, against a check of every path; the messages where it cannot."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.backbones._topology import Graph, Step, _cuts, activations_at, read_graph
from regraft.backbones.layer_rows import network_outline
from regraft.backbones.names import parse_backbone
from regraft.errors import InputError


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Step, ...]:
    """Steps between one input and one output, some with the weights of another."""
    count = draw(st.integers(2, 9))
    inputs: list[list[int]] = [[]]
    for at in range(1, count):
        # Mostly chains, as networks are: else hardly any graph could be cut.
        skips = draw(st.lists(st.integers(0, at - 1), max_size=1)) if draw(st.booleans()) else []
        inputs.append(sorted({at - 1, *skips} if draw(st.integers(0, 5)) else {*skips} or {0}))
    needed = {count - 1}
    for at in reversed(range(count)):
        if at in needed:
            needed.update(inputs[at])
    places = {old: new for new, old in enumerate(sorted(needed))}
    weights = [None, *(draw(st.sampled_from([None, None, None, None, "a", "b"])) for _ in range(1, len(places)))]
    return tuple(
        Step(
            SimpleNamespace(name=f"layer{new}", weights=[weights[new]] if weights[new] else []),
            tuple(places[source] for source in inputs[old]),
            (object(),),
        )
        for old, new in places.items()
    )


def reached(steps: tuple[Step, ...], without: int) -> set[int]:
    """Steps that something flows to from the input although one step is taken out."""
    found = {0} - {without}
    for at, step in enumerate(steps):
        if at != without and found.intersection(step.inputs):
            found.add(at)
    return found


def before(steps: tuple[Step, ...], at: int) -> set[int]:
    found = {at}
    for source in steps[at].inputs:
        found |= before(steps, source)
    return found


@settings(max_examples=200)
@given(graphs())
def test_cuts_are_where_every_path_goes_through(steps: tuple[Step, ...]) -> None:
    last = len(steps) - 1
    expected = []
    for at in range(last):
        base = before(steps, at)
        on_both_sides = {id(w) for i in base for w in steps[i].operation.weights} & {
            id(w) for i in set(range(len(steps))) - base for w in steps[i].operation.weights
        }
        if last not in reached(steps, at) and not on_both_sides:
            expected.append(at)
    assert list(_cuts(steps)) == expected
    assert expected[0] == 0


@settings(max_examples=200)
@given(graphs())
def test_every_refusal_says_what_is_severed_and_names_cuts_that_work(steps: tuple[Step, ...]) -> None:
    graph = Graph(steps, _cuts(steps), start=1)
    for at, step in enumerate(steps[1:], 1):
        cut_before = [source for source in graph.cuts if {source} == set(step.inputs)]
        for found, ask, prefix in (
            ([at] if at in graph.cuts else [], graph.cut_after, "a cut after "),
            (cut_before, graph.cut_before, "a top that begins with "),
        ):
            if found:
                assert [ask(step.name)] == found
                continue
            with pytest.raises(InputError) as caught:
                ask(step.name)
            assert caught.value.received
            for name in named(caught.value, prefix):
                ask(name)


def named(error: InputError, prefix: str) -> list[str]:
    if error.expected is None:
        return []
    assert error.expected.startswith(prefix)
    return error.expected.removeprefix(prefix).removesuffix(", the nearest").split(" or ")


@pytest.fixture(scope="module")
def mobilenet() -> Graph:
    return read_graph(network_outline(parse_backbone("MobileNetV2-0.35@32")))


def test_a_cut_in_a_residual_block(mobilenet: Graph) -> None:
    with pytest.raises(InputError) as caught:
        mobilenet.cut_after("block_2_project")
    assert caught.value.problem == "The network cannot be cut after block_2_project."
    assert caught.value.received == "Add block_2_add needs block_1_project_BN too"
    assert caught.value.expected == "a cut after block_1_project_BN or block_2_add, the nearest"
    with pytest.raises(InputError) as caught:
        mobilenet.cut_before("block_2_project")
    assert caught.value.received == "Add block_2_add needs block_1_project_BN too"
    assert caught.value.expected == "a top that begins with block_2_expand or block_3_expand, the nearest"
    with pytest.raises(InputError, match="Add block_2_add needs block_1_project_BN and block_2_project_BN"):
        mobilenet.cut_before("block_2_add")


def test_names(mobilenet: Graph) -> None:
    assert mobilenet.cut_name(mobilenet.cut_after("block_2_add")) == "block_2_add"
    assert mobilenet.cut_before("block_3_expand") == mobilenet.cut_after("block_2_add")
    assert mobilenet.cut_after("input") == mobilenet.cut_before("Conv1") == mobilenet.cut_before("input") == 0
    with pytest.raises(InputError, match=r"no layer of that name[\s\S]*block_2_add[\s\S]*--layers"):
        mobilenet.cut_after("block2_add")
    with pytest.raises(InputError) as caught:
        mobilenet.cut_after("ü" * 5000)
    assert len(str(caught.value)) < 500
    with pytest.raises(InputError, match="nothing comes after it"):
        mobilenet.cut_after("global_average_pooling2d")


def layers() -> Any:
    import keras

    return keras.layers


def test_dense_connections_and_side_branches() -> None:
    import keras

    pixels = keras.Input((4,), name="numbers")
    first = layers().Dense(4, name="first")(pixels)
    second = layers().Dense(4, name="second")(first)
    joined = layers().Concatenate(name="joined")([first, second])
    squared = joined * joined  # no layer, and one tensor twice
    graph = read_graph(keras.Model(pixels, layers().Dense(2, name="third")(squared)))
    assert [graph.cut_name(at) for at in graph.cuts][:3] == ["input", "first", "joined"]
    assert [graph.steps[at].kind for at in graph.cuts] == ["InputLayer", "Dense", "Concatenate", "Multiply"]
    assert graph.cut_after("numbers") == 0


def test_shared_weights_are_never_on_both_sides() -> None:
    import keras

    pixels = keras.Input((4,))
    shared = layers().Dense(4, name="shared")
    activation = layers().ReLU(name="activation")  # used twice as well, but it has no weights
    inner = activation(layers().Dense(4, name="between")(shared(pixels)))
    after = layers().Dense(4, name="after")(activation(shared(inner)))
    graph = read_graph(keras.Model(pixels, layers().Dense(2)(after)))
    assert [graph.cut_name(at) for at in graph.cuts] == ["input", "after"]
    with pytest.raises(InputError, match="share their weights"):
        graph.cut_after("between")
    with pytest.raises(InputError, match="shared is used more than once"):
        graph.cut_after("shared")


def test_a_layer_called_as_the_cut_before_the_last() -> None:
    import keras

    graph = read_graph(keras.Sequential([keras.Input((4,)), layers().Dense(3, name="last"), layers().Dense(2)]))
    with pytest.raises(InputError, match="'last' stands for"):
        graph.cut_after("last")


def test_layers_with_several_outputs() -> None:
    import keras

    states = layers().LSTM(3, return_state=True, name="states")(keras.Input((5, 2)))
    model = keras.Model(states[0]._keras_history.operation.input, layers().Dense(2)(states[1]))
    with pytest.raises(InputError, match="states has several outputs"):
        read_graph(model).cut_after("states")


def test_models_that_have_no_graph() -> None:
    import keras

    one, two = keras.Input((2,)), keras.Input((2,))
    for model, reason in (
        (keras.Model([one, two], layers().Add()([one, two])), "a Functional with 2 inputs and 1 outputs"),
        (keras.Sequential([layers().Dense(2)]), "a Sequential with 0 inputs"),
        ("model", "a str"),
    ):
        with pytest.raises(InputError, match=rf"cannot be cut[\s\S]*Received: {reason}"):
            read_graph(model)


def test_activations_at() -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), layers().Dense(3, name="one"), layers().Dense(2)])
    assert activations_at(model, "input") is model.inputs[0]
    numbers = np.ones((2, 4), np.float32)
    until = keras.Model(model.inputs[0], activations_at(model, "one"))
    np.testing.assert_array_equal(np.asarray(until(numbers)), np.asarray(model.layers[0](numbers)))
