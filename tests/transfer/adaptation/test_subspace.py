from __future__ import annotations

import numpy as np

from regraft.transfer.adaptation._skada import fit_adapter, skada
from regraft.transfer.adaptation.linear import answers
from regraft.transfer.adaptation.problem import Domains, no_labels
from regraft.transfer.adaptation.subspace import SubspaceAlignment

# The source varies along x, the target along y; both have no more than these.
LINE = np.array([-2.0, -1, 1, 2])
SOURCE = np.column_stack([LINE, 0.1 * np.array([1, -1, -1, 1])])
TARGET = np.column_stack([0.1 * np.array([1, -1, -1, 1]), LINE]) + np.array([5, 7])


def test_one_direction_is_aligned_as_by_hand() -> None:
    """Ps = x, Pt = y: their product is 0, so nothing of the source is left along y. At 45 degrees it is 1/√2."""
    domains = Domains(SOURCE, np.array([0, 0, 1, 1]), TARGET, 2)
    moved = fit_adapter(skada().SubspaceAlignmentAdapter(n_components=1, random_state=0), domains)
    np.testing.assert_allclose(moved, 0, atol=1e-9)
    turned = np.column_stack([LINE, LINE])
    moved = fit_adapter(
        skada().SubspaceAlignmentAdapter(n_components=1, random_state=0),
        Domains(SOURCE, np.array([0, 0, 1, 1]), turned, 2),
    )
    np.testing.assert_allclose(np.abs(moved[:, 0]), np.abs(LINE) / np.sqrt(2), atol=1e-9)


def test_the_head_is_for_plain_target_features_wherever_they_lie() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    source = np.outer(2 * labels - 1, [1, 0, 0]) + 0.2 * rng.normal(size=(60, 3))
    target = source + 10
    head = SubspaceAlignment().prepare(Domains(source, labels, target, 2))(*no_labels(3))
    assert np.mean(answers(head, target) == labels) == 1


def test_few_images_have_few_directions() -> None:
    domains = Domains(SOURCE, np.array([0, 0, 1, 1]), TARGET[:3], 2)
    assert np.isfinite(SubspaceAlignment().prepare(domains)(*no_labels(2))[0]).all()
