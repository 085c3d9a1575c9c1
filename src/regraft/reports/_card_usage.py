"""The part of a model card that shows how to use what lies beside it: a few lines of Python for each format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regraft.reports._markdown import code


@dataclass(frozen=True)
class _Way:
    """One format in use: its title, what to install, how the program begins, and from `image` to `probabilities`."""

    title: str
    packages: str
    beginning: str
    lines: str


_WAYS = {
    "onnx": _Way(
        "ONNX Runtime",
        "onnxruntime",
        "from pathlib import Path\n\nimport numpy as np\nimport onnxruntime",
        "session = onnxruntime.InferenceSession({file})\n"
        '(probabilities,) = session.run(["probabilities"], {{"image": image}})',
    ),
    "openvino": _Way(
        "OpenVINO",
        "openvino",
        "from pathlib import Path\n\nimport numpy as np\nimport openvino",
        'exact = {{"INFERENCE_PRECISION_HINT": "f32"}}  # else bfloat16 where the processor has it\n'
        'model = openvino.compile_model({file}, "CPU", exact)\n'
        'probabilities = model({{"image": image}})["probabilities"]',
    ),
    "litert": _Way(
        "LiteRT",
        "ai-edge-litert",
        "from pathlib import Path\n\nimport numpy as np\nfrom ai_edge_litert.interpreter import Interpreter",
        "interpreter = Interpreter(model_path={file})\n"
        "interpreter.allocate_tensors()\n"
        'interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)\n'
        "interpreter.invoke()\n"
        'probabilities = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])',
    ),
    "saved-model": _Way(
        "TensorFlow SavedModel",
        "tensorflow",
        "from pathlib import Path\n\nimport numpy as np\nimport tensorflow",
        'model = tensorflow.saved_model.load({file}).signatures["serving_default"]\n'
        'probabilities = model(image=tensorflow.constant(image))["probabilities"].numpy()',
    ),
    "keras": _Way(
        "Keras",
        "keras openvino",
        "import os\nfrom pathlib import Path\n\n"
        'os.environ.setdefault("KERAS_BACKEND", "openvino")  # or any other that Keras has\n\n'
        "import keras\nimport numpy as np",
        "model = keras.saving.load_model({file})\nprobabilities = np.asarray(model.predict(image, verbose=0))",
    ),
}

_BOTH = "probabilities = np.hstack([1 - probabilities, probabilities])  # its one output is the second class"


def format_title(name: str) -> str:
    """A format as a heading calls it; its own name where it is not known here."""
    return _WAYS[name].title if name in _WAYS else name


def snippet(format_name: str, file: str, size: Sequence[int], *, any_size: bool, columns: int) -> str:
    """A whole Python program that prints the answer for `photo.jpg`.

    Args:
        format_name: `onnx`, `openvino`, `litert`, `saved-model` or `keras`.
        file: what to open, as seen from the folder of the card; for OpenVINO's folder the `.xml` file in it.
        size: height and width that the network reads, in pixels.
        any_size: whether the model resizes by itself.
        columns: of its output; where it is one, that is the probability of the second of two classes.
    """
    way = _WAYS[format_name]
    if any_size:
        reader = "from PIL import Image, ImageOps"
        read = (
            'photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")\n'
            "image = np.asarray(photo)[np.newaxis]  # uint8, (1, height, width, 3)"
        )
    else:
        height, width = size
        reader = "from regraft import read_image"
        read = f'image = read_image("photo.jpg", ({height}, {width}))[np.newaxis]  # uint8, (1, {height}, {width}, 3)'
    parts = [
        way.beginning,
        reader,
        "",
        'labels = Path("labels.txt").read_text(encoding="utf-8").splitlines()',
        read,
        way.lines.format(file=repr(file).replace("'", '"')),
        *([_BOTH] if columns == 1 else []),
        "print(labels[probabilities[0].argmax()], probabilities[0].max())",
    ]
    return "\n".join(parts)


def usage(format_name: str, file: str, size: Sequence[int], *, any_size: bool, columns: int) -> str:
    """What to install, and the program of `snippet`, as Markdown."""
    packages = f"{_WAYS[format_name].packages} {'pillow' if any_size else 'regraft'}"
    program = snippet(format_name, file, size, any_size=any_size, columns=columns)
    return "\n\n".join([code(f"pip install {packages}", "sh"), code(program, "python")])


def export_usages(exports: Sequence[Mapping[str, Any]], size: Sequence[int], columns: int) -> list[tuple[str, str]]:
    """For each format among the exports its title and usage, shown on the most exact file there is.

    Args:
        exports: each with `format`, `precision`, `file` and `any_size`.
        size: height and width that the network reads, in pixels.
        columns: of the output of the run's own model; those of the other formats have one for each class.
    """
    order = ("f32", "f16", "int8")
    first: dict[str, Mapping[str, Any]] = {}
    for one in sorted(exports, key=lambda one: order.index(one["precision"])):
        first.setdefault(str(one["format"]), one)
    found = []
    for name, one in first.items():
        if name not in _WAYS:
            continue
        file = str(one["file"]).rstrip("/")
        if name == "openvino" and not file.endswith(".xml"):
            file += "/model.xml"
        width = columns if name == "keras" else 2
        found.append((format_title(name), usage(name, file, size, any_size=bool(one["any_size"]), columns=width)))
    return found
