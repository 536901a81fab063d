"""JSON of strangers: what is taken as the field writes it, and what is refused in one line."""

import json
import math
import os

import pytest

from zoetrope.scenes.error import InputError
from zoetrope.scenes.json_file import MOST_LEVELS, parse_json, read_json


def read(tmp_path, content, kind=dict, **options):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_json(path, kind, **options)


def test_what_is_taken(tmp_path):
    assert read(tmp_path, '{"a": [1, 2.5, "é", null, true]}') == {"a": [1, 2.5, "é", None, True]}
    assert read(tmp_path, b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert read(tmp_path, '{"a": 1, "a": 2}') == {"a": 2}
    assert read(tmp_path, "[1]", list) == [1]
    assert read(tmp_path, "17", object) == 17
    assert read(tmp_path, "null", object) is None
    assert parse_json('\ufeff{"a": "\\ud83e\\udd93 C:\\\\ud800"}', dict, source="x") == {"a": "\U0001f993 C:\\ud800"}


def test_numbers_that_are_not_finite_are_taken_or_refused_on_purpose(tmp_path):
    text = '{"a": NaN, "b": -Infinity, "c": 1e999}'
    found = read(tmp_path, text)
    assert math.isnan(found["a"])
    assert found["b"] == -math.inf
    assert found["c"] == math.inf
    for text in ('{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', '{"a": 1e999}'):
        with pytest.raises(InputError, match="is not valid JSON"):
            read(tmp_path, text, finite=True)
    assert read(tmp_path, '{"a": 1e9}', finite=True) == {"a": 1e9}


@pytest.mark.parametrize("digits", [309, 4_000, 5_000, 100_000])
def test_whole_numbers_beyond_any_float(tmp_path, digits):
    for sign in ("", "-"):
        with pytest.raises(InputError, match="digits, at most 308"):
            read(tmp_path, f'{{"a": {sign}{"1" * digits}}}')
    # In texts and behind the point they harm nobody.
    assert read(tmp_path, f'{{"a": "{"1" * digits}", "b": 0.{"3" * digits}, "c": 1}}')["b"] == pytest.approx(1 / 3)
    assert read(tmp_path, f'{{"a": {"9" * 308}}}')["a"] == int("9" * 308)


@pytest.mark.parametrize("opening", ["[", '{"a": '])
@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 900, 100_000])
def test_deep_nesting(tmp_path, opening, levels):
    closing = {"[": "]", '{"a": ': "}"}[opening]
    with pytest.raises(InputError, match="more than 100 deep"):
        read(tmp_path, opening * levels + "1" + closing * levels, object)
    with pytest.raises(InputError):
        read(tmp_path, opening * levels, object)
    levels = MOST_LEVELS
    read(tmp_path, opening * levels + "1" + closing * levels + " " * 9, object)
    read(tmp_path, json.dumps([[[[1]]]] * 1000), list)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8"),
        (b'{"a": "\xe9"}', "is not UTF-8"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udc00": 1}', "half of a surrogate pair"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"a": }', "is not valid JSON"),
        (b"{'a': 1}", "is not valid JSON"),
        (b"[1]", "not an object {...}, it is a list [...]"),
        (b'"text"', "not an object {...}, it is a text"),
        (b"null", "not an object {...}, it is null"),
        (b"7", "not an object {...}, it is the value 7"),
    ],
)
def test_what_is_refused_in_one_line(tmp_path, content, reason):
    with pytest.raises(InputError) as caught:
        read(tmp_path, content, expected="expected cameras")
    message = str(caught.value)
    assert reason in message
    assert message.startswith(str(tmp_path / "a.json"))
    assert message.endswith("; expected cameras")
    assert "\n" not in message


def test_size_is_bounded(tmp_path):
    assert read(tmp_path, '{"a": 1}', most_bytes=8) == {"a": 1}
    with pytest.raises(InputError, match="has more than 7 bytes"):
        read(tmp_path, '{"a": 1}', most_bytes=7)


def test_what_is_no_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_json(tmp_path / "b.json", dict)
    with pytest.raises(InputError, match="is a folder"):
        read_json(tmp_path, dict)
    with pytest.raises(InputError, match="cannot be the name of a file"):
        read_json("a\0.json", dict)


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices as POSIX has them")
def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    for path, kind in ((tmp_path / "a.json", "a pipe"), ("/dev/zero", "a device")):
        with pytest.raises(InputError, match=f"is {kind}"):
            read_json(path, dict)
