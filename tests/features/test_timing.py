import pytest

from regraft.errors import InputError
from regraft.features.timing import milliseconds_per_image


@pytest.mark.slow
def test_a_time_in_the_right_order() -> None:
    small = milliseconds_per_image("MobileNet-0.25@32", "f32", seconds=0.3)
    large = milliseconds_per_image("MobileNet@320", "f32", seconds=0.3)
    assert 0 < small < large < 60_000


def test_an_unknown_backbone() -> None:
    with pytest.raises(InputError, match="no backbone"):
        milliseconds_per_image("MobileNetX")
