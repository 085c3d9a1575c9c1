"""The one head of all methods: a linear softmax fitted to its optimum, with weights and a head to stay near."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Linear = tuple[Floats, Floats]
"""Kernel (features, classes) and bias (classes,)."""

PENALTY = 1e-3
"""Of half the squared kernel, beside a mean loss, for features with a mean squared length of 1."""

_ITERATIONS = 300
_EVEN = 1e-6  # of the bias: what the loss leaves open (the same added to all classes), and no more


def fit_linear(
    features: Floats,
    labels: Labels,
    classes: int,
    *,
    weights: Floats | None = None,
    penalty: float = PENALTY,
    near: Linear | None = None,
) -> Linear:
    """The head that minimises the weighted mean cross-entropy plus `penalty / 2` times the squared kernel.

    With `near`, it is kernel and bias minus that head's that are squared: L2-SP (Li, Grandvalet and Davoine 2018,
    "Explicit inductive bias for transfer learning with convolutional networks", ICML, equation 2, with all parameters
    shared). An infinite penalty then gives that head itself.

    Args:
        features: (n, d), n at least 1.
        labels: int64 (n,), 0 to classes - 1; a class without images gets small probabilities.
        classes: how many outputs.
        weights: (n,), at least 0, their sum above 0; None for all the same. Only their proportions count.
        penalty: at least 0.
        near: the head to start from and to stay near.
    """
    from scipy.optimize import minimize

    count, width = features.shape
    start_kernel, start_bias = near or (np.zeros((width, classes)), np.zeros(classes))
    if np.isinf(penalty):
        return start_kernel.copy(), start_bias.copy()
    shares = np.full(count, 1 / count) if weights is None else weights / weights.sum()
    targets = np.zeros((count, classes))
    targets[np.arange(count), labels] = 1
    bias_penalty = penalty if near is not None else _EVEN

    def loss(flat: Floats) -> tuple[float, Floats]:
        kernel, bias = flat[: width * classes].reshape(width, classes), flat[width * classes :]
        logits = features @ kernel + bias
        logits -= logits.max(axis=1, keepdims=True)
        sums = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        wrong = (np.exp(logits - sums) - targets) * shares[:, None]
        off_kernel, off_bias = kernel - start_kernel, bias - start_bias
        value = -float(shares @ ((logits - sums) * targets).sum(axis=1))
        value += penalty / 2 * float((off_kernel**2).sum()) + bias_penalty / 2 * float((off_bias**2).sum())
        slope = np.concatenate(
            [(features.T @ wrong + penalty * off_kernel).ravel(), wrong.sum(axis=0) + bias_penalty * off_bias]
        )
        return value, slope

    start = np.concatenate([start_kernel.ravel(), start_bias])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS, "ftol": 1e-7})
    return found.x[: width * classes].reshape(width, classes), found.x[width * classes :]


def probabilities(head: Linear, features: Floats) -> Floats:
    """Class probabilities (n, classes) of features (n, d)."""
    logits = features @ head[0] + head[1]
    logits -= logits.max(axis=1, keepdims=True)
    shares: Floats = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def answers(head: Linear, features: Floats) -> Labels:
    """The likeliest class of each row of features (n, d), int64 (n,)."""
    likeliest: Labels = (features @ head[0] + head[1]).argmax(axis=1)
    return likeliest
