from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from small_searches import searched

from regraft.studies._search_defaults import default_table
from regraft.studies._search_space import Choices, Domain, read_space
from regraft.studies._search_values import SETTINGS, config_of, fixed_values
from regraft.training.settings import default_learning_rates


@given(st.data(), st.integers(1, 40))
def test_every_draw_of_the_default_space_can_be_trained(data: st.DataObject, blocks: int) -> None:
    config = searched(finetune={})
    space = read_space(default_table(config, blocks), fixed_values(config))

    def draw(key: str, domain: Domain) -> Any:
        if isinstance(domain, Choices):
            return data.draw(st.sampled_from(domain.labels), key)
        return data.draw(st.floats(domain.low, domain.high), key)

    values = space.values(draw)
    trial = config_of(config, values)
    (setting,) = trial.head_settings()
    assert trial.finetune is not None
    tuned = trial.finetune.settings(0)
    assert setting.learning_rate == values["head.learning_rate"]
    assert setting.weight_decay == values["head.weight_decay"]
    assert 1 <= values.get("finetune.blocks", 1) <= max(1, blocks // 2)
    assert not (tuned.l2_sp and tuned.weight_decay)


def test_learning_rates_surround_those_that_are_known_to_be_good() -> None:
    config = searched()
    space = read_space(default_table(config, None), fixed_values(config))
    for optimizer in ("sgd", "adamw"):
        for hidden, label in (((), "none"), ((128,), "128")):
            ends = []
            for place in (0.0, 1.0):
                drawn = {"head.optimizer": optimizer, "head.hidden": label, "head.learning_rate": place}
                values = space.values(lambda key, domain, drawn=drawn: drawn.get(key, getattr(domain, "low", 0)))
                ends.append(values["head.learning_rate"])
            good = default_learning_rates(optimizer, hidden)
            assert ends[0] < min(good)
            assert ends[1] > max(good)


def test_blocks_are_few_and_at_most_half() -> None:
    config = searched(finetune={})
    found = {number: default_table(config, number)["finetune"]["blocks"] for number in (1, 2, 3, 7, 8, 17)}
    assert found == {1: [1], 2: [1], 3: [1], 7: [1, 2], 8: [1, 2, 4], 17: [1, 2, 4, 8]}


def test_what_a_config_names_is_not_searched() -> None:
    config = searched(head={"optimizer": ["adamw"], "dropout": [0.1, 0.2]}, finetune={"last": 4, "l2_sp": 0.1})
    table = default_table(config, 8)
    assert not {"optimizer", "dropout"} & set(table["head"])
    assert not {"blocks", "l2_sp"} & set(table["finetune"])
    assert "finetune" not in default_table(searched(), None)
    assert set(table["head"]) < set(SETTINGS["head"])
