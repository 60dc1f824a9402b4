"""The decode model against arithmetic by hand, the measured rows of its calibration, and published figures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.energy import decode_energy_j_per_token, energy_from_throughput, facts
from tokenarena_assets.energy.architecture import likely_shape
from tokenarena_assets.energy.fit import (
    ecologits_j,
    fit_terms,
    given_form,
    left_out,
    load_calibration,
)
from tokenarena_assets.energy.roofline import (
    TERMS,
    Serving,
    joules_per_output_token,
    kv_read_bytes,
    step_terms,
    weights_read,
)
from tokenarena_assets.energy.rows import Z95
from tokenarena_assets.errors import TokenArenaError


@pytest.fixture(scope="module")
def calibration():
    return load_calibration(facts())


def test_weights_read_by_a_batch():
    # 1 - (1 - 1/4)^2 = 7/16 of the experts by two tokens; one token reads its own; many read all.
    assert weights_read(160.0, 40.0, 2.0) == pytest.approx(70.0)
    assert weights_read(160.0, 40.0, 1.0) == pytest.approx(40.0)
    assert weights_read(160.0, 40.0, 1e4) == pytest.approx(160.0)
    assert weights_read(70.0, 70.0, 8.0) == pytest.approx(70.0)


def test_terms_by_hand():
    # 8 B parameters of 2 bytes on two chips of 4 TB/s: 16 GB / 8 TB/s = 2 ms; 10 sequences of 1 GB: 10 / 8 = 1.25 ms;
    # 2 x 8e9 x 10 / 2e15 = 0.08 ms and half as much again for prefill.
    serving = Serving(8e9, 8e9, 2.0, 32.0, 500.0, 4e12, 1e15, 2.0, 10.0, 1e9, 0.5)
    terms = step_terms(serving)
    assert terms["layers"] == pytest.approx(32e-6)
    assert terms["hops"] == pytest.approx(32e-6)
    assert terms["weights"] == pytest.approx(2e-3)
    assert terms["kv"] == pytest.approx(1.25e-3)
    assert terms["flops"] == pytest.approx(0.12e-3)
    assert terms["sequence"] == pytest.approx(320e-9)
    # 2 x 500 W / 10 sequences = 100 W a sequence.
    ones = dict.fromkeys(TERMS, 1.0)
    assert joules_per_output_token(serving, ones) == pytest.approx(100 * sum(map(float, terms.values())))


def test_wide_expert_parallelism_shares_the_reads():
    # 16 chips share the experts of replicas of 8: each replica reads half of what 16 batches touch.
    alone = Serving(160e9, 16e9, 1.0, 60.0, 700.0, 1e12, 1e15, 8.0, 1e6, 0.0)
    wide = Serving(160e9, 16e9, 1.0, 60.0, 700.0, 1e12, 1e15, 8.0, 1e6, 0.0, expert_gpus=16.0)
    assert step_terms(wide)["weights"] == pytest.approx(step_terms(alone)["weights"] / 2)
    assert step_terms(wide)["kv"] == step_terms(alone)["kv"]


def test_windowed_layers_read_no_further_back():
    assert kv_read_bytes(10.0, 30.0, 100.0, 50.0) == pytest.approx(40 * 50)
    assert kv_read_bytes(10.0, 30.0, 100.0, 5000.0) == pytest.approx(10 * 5000 + 30 * 100)


def test_shape_of_a_released_size_is_that_model():
    shape = likely_shape(235.0, 22.0, facts())
    assert shape.layers[0] == pytest.approx(94, rel=0.03)
    assert shape.kv_bytes[0] == pytest.approx(192_512, rel=0.05)
    between = likely_shape(np.array([50.0, 50.0]), np.array([50.0, 50.0]), facts()).layers
    assert 46 < between[0] < 88
    assert between[0] == between[1]


def test_coefficients_are_those_of_the_fit(calibration):
    found = fit_terms(calibration.design, calibration.measured_j, calibration.model)
    shipped = np.array([facts().coefficients[name] for name in TERMS])
    np.testing.assert_allclose(found, shipped, rtol=2e-3)


def test_fit_finds_the_coefficients_that_made_the_data():
    rng = np.random.default_rng(3)
    design = rng.lognormal(0, 1, (300, 4))
    truth = np.array([0.5, 2.0, 1.0, 8.0])
    model = np.repeat(np.array([f"m{i}" for i in range(10)]), 30)
    found = fit_terms(design, design @ truth, model)
    np.testing.assert_allclose(found, truth, rtol=0.02)


def test_families_left_out(calibration):
    design, measured, model, family = calibration.design, calibration.measured_j, calibration.model, calibration.family
    errors = left_out(design, measured, model, family)
    by_size = left_out(design, measured, model, family, calibration.design_by_size(facts()))
    design_note, _ = given_form(calibration)
    before = left_out(design_note, measured, model, family)

    def rms(of):
        return math.sqrt(np.mean(of**2))

    assert rms(errors) < rms(before)
    assert np.median(np.abs(np.expm1(errors))) < 0.20
    assert np.mean(np.abs(errors) < math.log(2)) > 0.95
    assert abs(np.median(errors)) < 0.1
    half = Z95 * facts().priors["kappa_sigma_ln"]
    assert 0.88 <= np.mean(np.abs(by_size) < half) <= 0.97
    active, n = np.asarray(calibration.serving.params_active) / 1e9, np.asarray(calibration.serving.n)
    published = np.log(ecologits_j(active, n) / measured)
    assert rms(published) > 2 * rms(errors)


def test_power_fraction_on_measured_throughput(calibration):
    n, tdp = np.asarray(calibration.serving.n), np.asarray(calibration.serving.tdp_w)
    modeled = facts().priors["power_fraction"] * n * tdp / calibration.output_tok_s
    assert np.median(np.abs(modeled / calibration.measured_j - 1)) < 0.2
    assert np.mean(np.abs(np.log(modeled / calibration.measured_j)) < math.log(2)) > 0.95


def test_throughput_rule_by_hand():
    # Eight chips of 700 W at 14,800 tok/s: 0.378 J at full power.
    found = energy_from_throughput(accelerator="H800 SXM 80GB", n_accelerators=8, output_tok_s=14_800)
    assert found == pytest.approx([fraction * 5600 / 14_800 for fraction in (0.46, 0.73, 0.96)])


def test_deepseek_decode_is_near_the_derived_figure():
    # 700 sequences on a node of eight H800, mean context 4,989, experts over 144: 0.27-0.34 J derived, goal 0.2-0.6.
    chip = facts().accelerator("H800 SXM 80GB")
    serving = Serving(671e9, 37e9, 1.0, 61.0, chip.tdp_w, chip.bandwidth, chip.flops("fp8"), 8.0, 700.0,
                      70_272.0 * 4989, 0.0, expert_gpus=144.0)  # fmt: skip
    assert 0.2 < float(joules_per_output_token(serving, facts().coefficients)) < 0.6


KNOWN = {
    "params_total_b": 70.6, "params_active_b": 70.6, "precision": "fp8", "accelerator": "H100 SXM 80GB",
    "n_accelerators": 4, "batch": 64.0, "input_tokens": 500, "output_tokens": 500,
}  # fmt: skip


@given(
    batch=st.floats(1, 4096),
    n=st.sampled_from([1, 2, 4, 8]),
    chip=st.sampled_from(["H100 SXM 80GB", "B200 SXM 180GB", "A100 SXM4 40GB", "H100 NVL 94GB", "MI325X 256GB"]),
    precision=st.sampled_from(["bf16", "fp8", "mxfp4"]),
)
def test_decode_is_an_interval_whose_middle_falls_with_batch(batch, n, chip, precision):
    args = KNOWN | {"n_accelerators": n, "accelerator": chip, "precision": precision}
    found = decode_energy_j_per_token(**args | {"batch": batch})
    fuller = decode_energy_j_per_token(**args | {"batch": 2 * batch})
    assert 0 < found.p5 < found.p50 < found.p95
    assert fuller.p50 < found.p50


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"accelerator": "H9000"}, "no accelerator of the facts"),
        ({"precision": "fp3"}, "no precision of the facts"),
        ({"batch": 0}, "batch is 0"),
        ({"output_tokens": math.nan}, "output_tokens is nan"),
        ({"accelerator": "Groq LPU v1"}, "outside of the roofline"),
        ({"params_active_b": 80}, "more than"),
        ({"input_tokens": -5}, "input_tokens"),
    ],
)
def test_decode_says_what_is_wrong(change, says):
    with pytest.raises(TokenArenaError, match=says):
        decode_energy_j_per_token(**KNOWN | change)
