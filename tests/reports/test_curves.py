from __future__ import annotations

import numpy as np
import pytest
from figure_results import figure_results

from regraft.reports._curves import QUANTILES_FROM, bands_of, curve_of, has_diverged, is_known


def test_an_error_is_one_minus_the_accuracy_and_infinities_are_not_numbers():
    curves = {"val_accuracy": np.array([0.25, np.inf, 0.75])}
    np.testing.assert_array_equal(curve_of(curves, "val_error"), [0.75, np.nan, 0.25])
    assert is_known(curves, "val_error")
    assert not is_known(curves, "error")
    assert not is_known({"accuracy": np.array([np.nan])}, "error")


@pytest.mark.parametrize(("loss", "diverged"), [([1.0, 0.5], False), ([1.0, np.nan], True), ([1.0, np.inf], True)])
def test_a_training_diverged_if_its_loss_ends_in_no_number(loss, diverged):
    assert has_diverged({"loss": np.array(loss)}) is diverged
    assert not has_diverged({})


@pytest.mark.parametrize(("repetitions", "shares"), [(3, (0, 1)), (QUANTILES_FROM, (0.1, 0.9))])
def test_a_band_is_the_range_of_few_repetitions_and_the_quantiles_of_many(repetitions, shares):
    results = figure_results(repetitions=repetitions, epochs=4)
    values = results.curves["val_loss"][1]
    band = bands_of(results, "val_loss")[1]
    np.testing.assert_allclose(band.mean, values.mean(axis=0))
    np.testing.assert_allclose([band.low, band.high], np.quantile(values, shares, axis=0))
    assert (band.diverged, band.is_lost) == (0, False)


def test_what_diverged_is_left_out_of_the_mean_of_the_rest():
    results = figure_results(diverged=[(0, 2)])
    band = bands_of(results, "val_accuracy")[0]
    np.testing.assert_allclose(band.mean, results.curves["val_accuracy"][0, [0, 1, 3, 4]].mean(axis=0))
    assert (band.diverged, band.repetitions, band.is_lost) == (1, 5, False)


def test_where_everything_diverged_the_mean_ends_with_the_last_number():
    results = figure_results(repetitions=2, diverged=[(0, 0), (0, 1)])
    band = bands_of(results, "val_accuracy")[0]
    assert band.is_lost
    np.testing.assert_allclose(band.mean[:3], results.curves["val_accuracy"][0, 0, :3])
    assert np.isnan(band.mean[3:]).all()
