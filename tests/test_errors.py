import pickle

import pytest

from regraft.errors import InputError, MissingPackageError, RegraftError, UnreadableImageError


def test_an_input_error_says_all_it_is_told() -> None:
    error = InputError("Wrong.", expected="this", received="that", hint="try so")
    assert str(error) == "Wrong.\n  Expected: this\n  Received: that\n  To do: try so"
    assert str(InputError("Wrong.", hint="try so")) == "Wrong.\n  To do: try so"
    assert str(InputError("Wrong.")) == "Wrong."


def test_exit_codes_and_families() -> None:
    assert RegraftError.exit_code == 1
    for kind in (InputError, UnreadableImageError, MissingPackageError):
        assert kind.exit_code == 2
        assert issubclass(kind, ValueError)
        assert issubclass(kind, RegraftError)


def test_a_missing_package_comes_with_its_command() -> None:
    assert str(MissingPackageError("Drawing", "plots")) == (
        'Drawing needs an optional package that is not installed.\n  To do: pip install "regraft[plots]"'
    )


@pytest.mark.parametrize(
    "error", [InputError("A.", hint="B"), UnreadableImageError("empty file"), MissingPackageError("Drawing", "plots")]
)
def test_errors_pass_between_processes(error: RegraftError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
