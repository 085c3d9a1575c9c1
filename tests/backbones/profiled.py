"""An independent counter: the floating-point operations TensorFlow's profiler finds in a traced graph."""

from __future__ import annotations

from typing import Any

# Two for each multiply-accumulate; the others it knows (BiasAdd, Mul …) are no part of our convention.
COUNTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul")


def profiled_macs(model: Any) -> int:
    """Multiply-accumulates for one image of a Keras model on the TensorFlow backend, whose weights need no values."""
    import tensorflow as tf
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

    image = tf.TensorSpec((1, *model.input_shape[1:]), "float32")
    graph = tf.function(lambda pixels: model(pixels, training=False)).get_concrete_function(image).graph
    # Keras puts a grouped convolution into a function of its own, for XLA.
    calls = [op.get_attr("f").name for op in graph.get_operations() if op.type.endswith("PartitionedCall")]
    functions = {function.signature.name: function for function in graph.as_graph_def().library.function}
    inner = {name: _operations(function_def_to_graph(functions[name])) for name in set(calls)}
    return (_operations(graph) + sum(inner[name] for name in calls)) // 2


def _operations(graph: Any) -> int:
    from tensorflow.python.profiler.model_analyzer import profile
    from tensorflow.python.profiler.option_builder import ProfileOptionBuilder

    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation()).with_empty_output().build()
    found = profile(graph, options=options, cmd="op")
    operations = 0
    while found.children:  # each kind is the child of the one before
        found = found.children[0]
        operations += found.float_ops if found.name in COUNTED else 0
    return operations
