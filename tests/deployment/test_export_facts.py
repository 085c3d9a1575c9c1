from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from regraft.deployment.export_facts import facts_of, model_name
from regraft.runs.prediction import Predictor


def test_the_facts_of_a_run(small_predictor: Predictor) -> None:
    facts = facts_of(small_predictor)
    metrics = small_predictor.run.metrics()
    assert facts.classes == ["blue", "green", "red"]
    assert json.loads(facts.labels_json()) == facts.classes
    assert facts.size == (8, 8)
    assert facts.name == "small-run"
    assert facts.metadata["test_accuracy"] == f"{metrics['test']['accuracy']:.4f}"
    assert facts.metadata["test_images"] == str(metrics["images"]["test"])
    assert "3 classes" in facts.description
    assert "photos" in facts.description


@given(st.text())
def test_a_model_name_is_one_that_servers_take(text: str) -> None:
    assert re.fullmatch("[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?", model_name(text))


def test_a_model_name_keeps_what_it_can() -> None:
    assert model_name("Flüsse & Bäche_2") == "flusse-bache-2"
    assert model_name("日本") == "model"
