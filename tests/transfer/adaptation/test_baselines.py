from __future__ import annotations

import numpy as np

from regraft.transfer.adaptation.baselines import Both, SourceOnly, TargetOnly, trainer_on
from regraft.transfer.adaptation.linear import fit_linear, probabilities
from regraft.transfer.adaptation.problem import Domains, no_labels

RNG = np.random.default_rng(0)
DOMAINS = Domains(RNG.normal(size=(40, 3)), np.arange(40) % 2, RNG.normal(size=(30, 3)) + 1, 2)
FEW = DOMAINS.target[:6], np.array([0, 1, 0, 1, 0, 1])


def test_the_source_alone_does_not_look_at_target_labels() -> None:
    train = SourceOnly().prepare(DOMAINS)
    for labelled in (FEW, no_labels(3)):
        np.testing.assert_array_equal(train(*labelled)[0], fit_linear(DOMAINS.source, DOMAINS.source_labels, 2)[0])


def test_the_target_alone_does_not_look_at_the_source() -> None:
    np.testing.assert_array_equal(TargetOnly().prepare(DOMAINS)(*FEW)[0], fit_linear(*FEW, 2)[0])


def test_together_each_domain_is_half_of_the_loss() -> None:
    # 40 source images and 6 target images: the same as each target image 40 times and each source image 6 times.
    repeated = fit_linear(
        np.concatenate([np.repeat(DOMAINS.source, 6, axis=0), np.repeat(FEW[0], 40, axis=0)]),
        np.concatenate([np.repeat(DOMAINS.source_labels, 6), np.repeat(FEW[1], 40)]),
        2,
    )
    both = Both().prepare(DOMAINS)(*FEW)
    np.testing.assert_allclose(probabilities(both, DOMAINS.target), probabilities(repeated, DOMAINS.target), atol=5e-3)


def test_without_target_labels_only_the_source_is_learnt_from() -> None:
    weights = RNG.uniform(size=40)
    head = trainer_on(DOMAINS, DOMAINS.source, weights)(*no_labels(3))
    expected = fit_linear(DOMAINS.source, DOMAINS.source_labels, 2, weights=weights)
    np.testing.assert_allclose(head[0], expected[0])
