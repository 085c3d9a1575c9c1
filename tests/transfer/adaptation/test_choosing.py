from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regraft.transfer.adaptation import choosing
from regraft.transfer.adaptation.baselines import SourceOnly, TargetOnly
from regraft.transfer.adaptation.choosing import (
    best,
    cross_validated,
    cross_validation_scores,
    dealt,
    label_free_scores,
    negative_entropy,
    neighbourhood_density,
    there_and_back,
    told_apart,
)
from regraft.transfer.adaptation.problem import Domains, no_labels
from regraft.transfer.adaptation.transport import OptimalTransport

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
SOURCE = 2 * np.eye(3)[LABELS] + 0.2 * RNG.normal(size=(60, 3))
SAME = Domains(SOURCE, LABELS, SOURCE + 0.01, 3)


def test_entropy_by_hand_and_as_scipy_has_it() -> None:
    from scipy.stats import entropy

    assert negative_entropy(np.array([[1.0, 0, 0]])) == 0
    assert negative_entropy(np.full((2, 4), 0.25)) == pytest.approx(-np.log(4))
    shares = RNG.dirichlet(np.ones(3), 20)
    assert negative_entropy(shares) == pytest.approx(-entropy(shares, axis=1).mean())


def test_density_is_the_logarithm_of_how_many_answer_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.special import softmax
    from scipy.stats import entropy

    groups = np.eye(3)[np.repeat([0, 1, 2], 5)]
    assert neighbourhood_density(groups) == pytest.approx(np.log(4), abs=1e-5)  # each has four others
    shares = RNG.dirichlet(np.ones(3), 12)
    assert neighbourhood_density(shares) < np.log(11)
    assert neighbourhood_density(shares) > 0
    monkeypatch.setattr(choosing, "_ROWS", 5)  # 12 images in blocks of 5, 5 and 2
    unit = shares / np.linalg.norm(shares, axis=1, keepdims=True)
    near = softmax(unit @ unit.T / 0.05 + np.diag([-np.inf] * 12), axis=1)
    assert neighbourhood_density(shares) == pytest.approx(entropy(near, axis=1).mean())


def test_there_and_back_is_all_right_where_the_domains_are_one() -> None:
    head = SourceOnly().prepare(SAME)(*no_labels(3))
    assert there_and_back(SourceOnly(), SAME, head) == 1


def test_a_head_that_answers_one_class_only_does_not_find_back() -> None:
    head = np.zeros((3, 3)), np.array([0.0, 1, 0])
    assert there_and_back(SourceOnly(), SAME, head) == pytest.approx(1 / 3)


def test_the_method_that_follows_the_target_scores_higher() -> None:
    """Two of three classes lie where the source head sees one: it cannot tell them apart on the way back."""
    moved = Domains(SOURCE, LABELS, SOURCE + np.array([6.0, 0, 0]), 3)
    scores = {
        method.name: label_free_scores(method, moved, method.prepare(moved)(*no_labels(3)))
        for method in (SourceOnly(), OptimalTransport())
    }
    assert scores["optimal-transport"]["there_and_back"] > scores["source-only"]["there_and_back"] + 0.2
    assert all(np.isfinite(list(found.values())).all() for found in scores.values())


def test_domains_are_told_apart_where_they_differ_and_by_chance_where_not() -> None:
    cloud = RNG.normal(size=(200, 3))
    same = told_apart(Domains(cloud[:80], np.arange(80) % 2, cloud[80:], 2))
    assert same.shape == (160,)
    assert 0.35 < same.mean() < 0.65
    assert told_apart(Domains(cloud[:80], np.arange(80) % 2, cloud[80:] + 4, 2)).mean() > 0.95


def test_cross_validation_asks_about_no_image_whose_label_it_gave() -> None:
    domains = replace(SAME, labelled=(SOURCE[:12], LABELS[:12]))
    asked = []

    def trainer(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(labels))
        return TargetOnly().prepare(domains)(features, labels)

    shares = cross_validated(trainer, domains, folds=4)
    assert asked == [9] * 4
    assert cross_validation_scores(shares, LABELS[:12])["cross_validation"] == 1
    # Labels by lot cannot be learnt; a head that saw them would know them.
    lot = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], 20))
    noise = Domains(SOURCE, LABELS, SOURCE, 3, (RNG.normal(size=(60, 3)), lot))
    noisy = cross_validated(TargetOnly().prepare(noise), noise)
    assert cross_validation_scores(noisy, lot)["cross_validation"] < 0.55


def test_scores_by_hand() -> None:
    shares = np.array([[0.8, 0.2], [0.6, 0.4]])
    scores = cross_validation_scores(shares, np.array([0, 1]))
    assert scores["cross_validation"] == 0.5
    assert scores["cross_validation_log_likelihood"] == pytest.approx((np.log(0.8) + np.log(0.4)) / 2)


def test_folds_have_the_same_share_of_every_class() -> None:
    parts = dealt(LABELS, 5, seed=1)
    for label in range(3):
        assert np.bincount(parts[label == LABELS]).tolist() == [4] * 5
    assert dealt(np.array([0, 0, 1, 1, 1]), 5, seed=0).max() == 1  # no more folds than the rarest class has images


def test_of_equals_the_first_and_the_second_score_decides_between_them() -> None:
    assert best({"a": (0.5,), "b": (0.7,), "c": (0.7,)}) == "b"
    assert best({"a": (0.7, -2.0), "b": (0.7, -1.0)}) == "b"
