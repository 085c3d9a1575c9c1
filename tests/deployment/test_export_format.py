from __future__ import annotations

import pytest

from regraft.deployment.export_format import FORMAT_NAMES, PRECISIONS, format_named, formats, require_packages
from regraft.errors import InputError, MissingPackageError


def test_every_format_has_a_name_and_files_of_its_own() -> None:
    found = formats()
    assert list(found) == list(FORMAT_NAMES) == [kind.name for kind in found.values()]
    files = [kind.file_name(precision) for kind in found.values() for precision in kind.precisions]
    assert len(set(files)) == len(files)
    for kind in found.values():
        assert "f32" in kind.precisions
        assert set(kind.precisions) <= set(PRECISIONS)


def test_an_unknown_format_is_told_which_there_are() -> None:
    with pytest.raises(InputError, match="onnx, openvino, litert, saved-model, keras"):
        format_named("caffe")


def test_a_missing_package_is_told_with_the_command_that_installs_it() -> None:
    require_packages("This", ["json"])
    with pytest.raises(MissingPackageError, match=r'pip install "regraft\[export\]"'):
        require_packages("This", ["json", "no_such_package"])
