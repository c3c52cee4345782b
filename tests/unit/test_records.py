"""Records: the exact bytes of an event, in one form, and what is read of bytes that anybody may have written."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.records import format_time, parse_record
from tests.ledger import AT, NAME, record


def test_the_bytes_of_a_record_are_fixed() -> None:
    """A golden record: an in-toto Statement v1, sorted, without blanks; auditors hash these bytes."""
    assert (
        record()
        == (
            '{"_type":"https://in-toto.io/Statement/v1","predicate":{"approver":{"name":"Bøb","person":"bob"},'
            '"event":"decision","index":7,"log":"gate.example.com/approvals","meaning":"approved",'
            '"nonce":"00000000000000000000000000000000","request":"k3v9q2ab","seq":1,'
            '"time":"2026-11-24T18:00:00.123Z"},'
            '"predicateType":"urn:mailgate:event:v1","subject":[{"digest":{"sha256":"'
            + "ab" * 32
            + '"},"name":"k3v9q2ab"}]}'
        ).encode()
    )


def test_a_record_s_own_names_cannot_be_hidden_by_its_body() -> None:
    """A body that says another index, event, request, place or time is overruled."""
    own = {"log": "x", "index": 9, "event": "x", "request": "x", "seq": 9, "time": "x", "nonce": "x"}
    assert record(body=own | {"more": 1}) == record(body={"more": 1})


def test_a_record_about_no_request_names_the_log() -> None:
    """Seals and policies belong to no request."""
    bare = record(request="", digest=b"")
    assert json.loads(bare)["subject"] == [{"name": NAME, "digest": {"sha256": ""}}]
    assert (parse_record(bare).request, parse_record(bare).digest) == ("", b"")


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (AT, "2026-11-24T18:00:00.123Z"),
        (AT.replace(microsecond=0), "2026-11-24T18:00:00.000Z"),
        (AT.astimezone(timezone(timedelta(hours=-8))), "2026-11-24T18:00:00.123Z"),
    ],
)
def test_times_are_utc_with_milliseconds(at: datetime, text: str) -> None:
    """RFC 3339; the zone somebody happened to use makes no difference."""
    assert text == format_time(at)


def test_a_time_without_a_zone_is_refused() -> None:
    """It would be read as this machine's, and every machine would sign another instant."""
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2026, 11, 24))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_hold_never_becomes_a_record(value: Any) -> None:
    """Strict readers would stop there, and lax ones would read different things."""
    with pytest.raises(ValueError):
        record(body={"rate": value})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NUMBERS = st.integers(0, 10**18)


@given(
    index=NUMBERS,
    seq=NUMBERS,
    event=st.text(),
    request=st.text(),
    digest=st.just(b"") | st.binary(min_size=32, max_size=32),
    at=st.datetimes(timezones=st.timezones(), min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    body=st.dictionaries(st.text(), JSON, max_size=5),
)
def test_a_record_is_read_back(
    index: int, seq: int, event: str, request: str, digest: bytes, at: datetime, body: dict[str, Any]
) -> None:
    """Every part of it as it was given, the time to the millisecond."""
    read = parse_record(record(index=index, seq=seq, event=event, request=request, digest=digest, at=at, body=body))
    assert (read.log, read.index, read.seq, read.event, read.request) == (NAME, index, seq, event, request)
    assert (read.digest, format_time(read.at)) == (digest, format_time(at))
    own = {"log", "index", "event", "request", "seq", "time", "nonce"}
    assert {k: v for k, v in read.body.items() if k not in own} == {k: v for k, v in body.items() if k not in own}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"5",
        b"null",
        b"\xff",
        b'{"subject":[]}',
        b'{"subject":[{}],"predicate":[]}',
        b"[" * 100_000,
        record() + b"x",
        record() + record(),
        b"\xef\xbb\xbf" + record(),
        record().decode().encode("utf-16"),
        record().decode().encode("utf-32-le"),
        record().replace(b"in-toto", b"in-tutu"),
        record().replace(b"mailgate:event", b"mailgate:other"),
        record().replace(b'"subject":[', b'"subject":[{},'),
        record().replace(b'"name":"k3v9q2ab"', b'"name":"another"'),
        record().replace(b'"sha256":"ab', b'"sha256":"zz'),
        record().replace(b'"sha256":"ab', b'"sha256":"AB'),
        record().replace(b'"sha256":"ab', b'"sha256":" ab'),
        record().replace(b'{"sha256":"' + b"ab" * 32 + b'"}', b'{"sha256":7}'),
        record().replace(b'{"sha256":"' + b"ab" * 32 + b'"}', b'"sha256"'),
        record().replace(b'"index":7', b'"index":"7"'),
        record().replace(b'"index":7', b'"index":true'),
        record().replace(b'"index":7', b'"index":7.0'),
        record().replace(b'"index":7', b'"index":-7'),
        record().replace(b'"index":7', b'"index":' + b"7" * 5000),
        record().replace(b'"seq":1', b'"seq":null'),
        record().replace(b'"seq":1,', b""),
        record().replace(b'"event":"decision"', b'"event":5'),
        record().replace(b'"event":"decision"', b'"event":"decision","event":"reminder"'),
        record().replace(b'"person":"bob"', b'"person":"bob","person":"eve"'),
        record().replace(b'"person":"bob"', b'"person":NaN'),
        record().replace(b'"person":"bob"', b'"person":-Infinity'),
        record().replace(b'"2026-', b'"26-'),
        record().replace(b"00.123Z", b"00.123"),
        record().replace(b"00.123Z", b"00.123+00:00"),
        record().replace(b"00.123Z", b"00.123456Z"),
        record().replace(b"00.123Z", b"00Z"),
        record().replace(b"2026-11-24T18", b"2026-11-24 18"),
        record().replace(b"2026-11-24T18:00:00.123Z", b"0001-01-01T00:00:00.000+23:59"),
    ],
    ids=lambda raw: raw[:30].decode("latin-1"),
)
def test_bytes_that_are_no_record_are_refused_in_one_way(raw: bytes) -> None:
    """Other types, names given twice, other encodings and spellings: a reader gets ValueError and nothing else."""
    with pytest.raises(ValueError):
        parse_record(raw)


@given(st.data())
def test_no_bytes_make_a_reader_stumble(data: st.DataObject) -> None:
    """Whatever became of a record's bytes, they are read or refused."""
    raw = record()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + data.draw(st.integers(0, 3)) :]
    try:
        read = parse_record(raw)
    except ValueError:
        return
    assert read.body["log"] == read.log
