"""Rows of the leaderboard as the report takes them."""

from __future__ import annotations

from typing import Any


def leaderboard_row(**given: Any) -> dict[str, Any]:
    """A well-measured endpoint, with what a test changes."""
    row = {
        "preset": "chat",
        "endpoint_id": "p/m@s",
        "rank": 1,
        "rank_lo": 1,
        "rank_hi": 2,
        "rank_note": None,
        "not_ready": None,
        "usd_per_correct": 0.00123,
        "usd_per_correct_lo": 0.00101,
        "usd_per_correct_hi": 0.0015,
        "usd_per_correct_n": 70,
        "quality": 0.8,
        "quality_lo": 0.69,
        "quality_hi": 0.876,
        "quality_n": 70,
        "quality_truncation_limited": False,
        "versus_reference": "cannot tell",
        "domain": "all",
        "domain_note": None,
        "fidelity": 99.24,
        "fidelity_lo": 97.0,
        "fidelity_hi": 101.3,
        "fidelity_n_prompts": 42,
        "fidelity_reference_kind": "own_api",
        "fidelity_verdict": "consistent",
        "fidelity_channels_named": None,
        "fidelity_claim": None,
        "context_advertised_tokens": 131_072,
        "context_effective_tokens": 64_000,
        "context_truncating": False,
        "context_status": "ok",
        "latency_suite": "speed",
        "output_speed_tok_s": 123.4,
        "output_speed_tok_s_lo": 120.0,
        "output_speed_tok_s_hi": 130.0,
        "output_speed_tok_s_n": 8,
        "output_speed_not_ranked_because": None,
        "ttft_ms": 1234.5,
        "ttft_ms_lo": 1000.0,
        "ttft_ms_hi": 1500.0,
        "ttft_ms_n": 8,
        "ttft_not_ranked_because": None,
        "e2e_with_failures_ms": 2345.6,
        "e2e_with_failures_note": None,
        "blended_usd_per_mtok": 0.155,
        "success_rate": 0.875,
        "success_rate_n": 8,
        "n_rounds": 8,
        "n_rounds_void": 0,
        "n_rounds_uncertified": 0,
    }
    return row | given
