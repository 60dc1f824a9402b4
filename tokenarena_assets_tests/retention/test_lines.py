"""Only what is due goes out of a line, and it says so."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tokenarena_assets.retention.lines import Due, expired_of, without_expired
from tokenarena_assets.retention.texts import LINE_TEXTS
from tokenarena_assets_tests.evidence import RealRound
from tokenarena_assets_tests.retention.homes import SECRET, record

NUMBERS = {
    "round_id", "day", "rehearsal", "schema_version", "request_id", "endpoint_id", "suite", "prompt_tokens_target",
    "attempt", "expects_cache", "source", "started_at", "status", "error", "http_status", "connection", "dns_ms",
    "connect_ms", "tls_ms", "stale_connections", "in_flight", "client_delay_ms", "stamps_ns", "timing", "usage",
    "generated_events", "generated_reads", "comments", "malformed_events", "finish_reason", "response_id",
    "served_model", "item", "sample", "request",
}  # fmt: skip
GONE = {"frames": [], "text": "", "reasoning": "", "tool_arguments": "", "error_body": "", "logprobs": []}
GONE |= {"first_token_top": None, "response_headers": {}, "tool_record": {}}


def line_of(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def due(*, frames: bool = False, texts: bool = False) -> Any:
    return lambda _: Due(frames, texts)


def test_every_field_of_a_real_record_is_known_as_number_or_text(real_round: RealRound) -> None:
    fields = {name for record in real_round.records for name in record}
    assert fields <= NUMBERS | LINE_TEXTS.keys() | {"frames"}


def test_frames_go_first_and_leave_the_texts() -> None:
    line = line_of(record(1))
    kept = without_expired(line, due(frames=True), "2027-01-01")
    assert (kept.suite, kept.frames, kept.texts) == ("speed", True, False)
    mark = {"frames": "2027-01-01", "line_sha256": hashlib.sha256(line).hexdigest()}
    assert json.loads(kept.data) == record(1) | {"frames": [], "expired": mark}
    assert expired_of(kept.data) == mark
    assert expired_of(line) is None


def test_then_the_texts_go_and_the_numbers_stay() -> None:
    line = line_of(record(1))
    first = without_expired(line, due(frames=True), "2027-01-01").data
    kept = without_expired(first, due(frames=True, texts=True), "2027-02-01")
    assert (kept.frames, kept.texts) == (False, True)
    expected = copy.deepcopy(record(1)) | GONE
    expected["request"]["body"] = {}
    digest = hashlib.sha256(line).hexdigest()  # of the line as it was written, not of that between
    expected["expired"] = {"frames": "2027-01-01", "texts": "2027-02-01", "line_sha256": digest}
    assert json.loads(kept.data) == expected
    assert SECRET.encode() not in kept.data


def test_the_second_time_the_line_stays_as_it_is() -> None:
    kept = without_expired(line_of(record(1)), due(frames=True, texts=True), "2027-01-01")
    again = without_expired(kept.data, due(frames=True, texts=True), "2027-02-01")
    assert (again.data, again.frames, again.texts) == (kept.data, False, False)


def test_gold_answers_of_own_items_go_as_well() -> None:
    for suite, gold in (("own", ""), ("quality_math", "gold 1")):
        kept = without_expired(line_of(record(1, suite)), due(frames=True, texts=True), "2027-01-01")
        assert json.loads(kept.data)["item"]["answer_value"] == gold


def test_what_is_no_record_goes_whole_and_leaves_its_hash() -> None:
    for line in (b'{"torn": "the secre', b"[1, 2]", b"\xff\xfe", b'"text"'):
        assert without_expired(line, due(frames=True), "2027-01-01").data == line
        kept = without_expired(line, due(frames=True, texts=True), "2027-01-01")
        digest = hashlib.sha256(line).hexdigest()
        assert kept.data == f"expired: sha256 {digest}, {len(line)} bytes, on 2027-01-01".encode()
        assert kept.suite == ""
        assert without_expired(kept.data, due(frames=True, texts=True), "2027-02-01").data == kept.data
    assert without_expired(b"", due(frames=True, texts=True), "2027-01-01").data == b""


NUMBER = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([2**63, 2**64, -(2**64), 10**40, 5e-324, 0.1 + 0.2, float("inf")]),
    st.text(max_size=5),
)
OTHERS = st.dictionaries(
    st.text(min_size=1, max_size=6).filter(lambda name: name not in {*GONE, "suite", "request", "item", "expired"}),
    st.recursive(
        NUMBER, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each), max_leaves=5
    ),
    max_size=5,
)


@given(others=OTHERS, suite=st.sampled_from(["speed", "own", None]), compact=st.booleans())
def test_whatever_else_a_line_holds_stays_as_it_was(others: dict[str, Any], suite: str | None, compact: bool) -> None:
    whole = {"suite": suite, "text": "words", "frames": [[1, "words"]]} | others
    line = json.dumps(whole, separators=(",", ":") if compact else None).encode()
    kept = without_expired(line, due(frames=True, texts=True), "2027-01-01")
    after = json.loads(kept.data)
    assert b"\n" not in kept.data
    del after["expired"]
    # As text: not-a-number equals nothing, and 1 is not 1.0.
    assert json.dumps(after) == json.dumps(json.loads(line) | {"text": "", "frames": []})
