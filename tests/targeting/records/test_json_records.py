"""Records as JSON: what a field's declaration says is asked of a document, and a message names the field and what it may be."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from meshes import InputError
from targeting.records.json_records import check_record, common_fields, plain, read_record, require
from targeting.records.kinds import AtLeastZero, Count, OneOf, Point, Positive, Side


@dataclass(frozen=True)
class Words:
    SPARSE: ClassVar = True

    name: Annotated[str | None, "A name."] = None
    hair_mm: Annotated[AtLeastZero | None, "Hair."] = None


@dataclass(frozen=True)
class Place:
    side: Annotated[Side, "Its side."]
    at_mm: Annotated[Point, "Where."]
    weight: Annotated[Positive | None, "Its weight."] = None


@dataclass(frozen=True)
class Whole:
    count: Annotated[Count, "How many."]
    places: Annotated[list[Place], Meta(min_length=1), "Where."]
    shares: Annotated[dict[str, AtLeastZero | None], "Shares."]
    sign: Annotated[int, OneOf(-1, 1), "A sign."]
    words: Annotated[Words, "Words."]

    def check(self, where: str) -> None:
        require(self.count >= len(self.places), f"{where}: more places than {self.count}".lstrip(": "))


WHOLE = Whole(2, [Place("left", [1.0, 2.0, 3.0]), Place("", [0.0, 0.0, 0.0], 0.5)], {"a": None, "b": 0.5}, -1, Words())


def refused(change, where=""):
    document = plain(WHOLE)
    change(document)
    with pytest.raises(InputError) as caught:
        read_record(Whole, document, "1.0", where)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("sign"), "sign is missing"),
        (lambda d: d["places"][1].pop("weight"), "places[1].weight is missing"),  # also one with a default
        (lambda d: d["places"][0].update(hair=1), "places[0].hair is not a field of a plan of version 1.0"),
        (lambda d: d["places"][0].update(side="up"), "places[0].side must be one of left, right, '', not 'up'"),
        (lambda d: d.update(sign=2), "sign must be one of -1, 1, not 2"),
        (lambda d: d["places"][0].update(weight="1"), "places[0].weight must be a number or null, not text"),
        (lambda d: d["places"][1].update(weight=0), "places[1].weight must be a number > 0.0"),
        (lambda d: d["places"][0]["at_mm"].pop(), "places[0].at_mm must be a list of length >= 3"),
        (lambda d: d["places"].clear(), "places must be a list of length >= 1"),
        (lambda d: d.update(count=2.5), "count must be a whole number, not a number"),
        (lambda d: d.update(count=True), "count must be a whole number, not true or false"),
        (lambda d: d.update(count=1), "more places than 1"),
        (lambda d: d["shares"].update(b=math.nan), "shares.b is not a finite number"),
        (lambda d: d["places"][1].update(weight=math.inf), "places[1].weight is not a finite number"),
        (lambda d: d["words"].update(hair_mm=None), "words.hair_mm must be a number, not null"),
        (lambda d: d["words"].update(other="x"), "words.other is not a field of a plan of version 1.0"),
    ],
)
def test_what_a_declaration_forbids_is_refused_with_its_path(change, message):
    assert refused(change) == message


def test_a_record_within_a_document_is_named_by_its_whole_path():
    assert refused(lambda d: d.update(sign=0), "plan.whole").startswith("plan.whole.sign must be")
    assert refused(lambda d: d.update(count=1), "plan.whole") == "plan.whole: more places than 1"
    with pytest.raises(InputError, match=r"^whole\.count must be a whole number >= 1"):
        check_record(replace(WHOLE, count=0), "whole")
    check_record(WHOLE, "whole")


def test_what_is_not_known_is_left_out_of_a_sparse_record_only():
    document = plain(replace(WHOLE, words=Words(hair_mm=0.0)))
    assert document["words"] == {"hair_mm": 0.0} and document["places"][0]["weight"] is None
    assert read_record(Whole, document, "1.0").words == Words(None, 0.0)


def test_a_whole_number_may_be_written_with_a_point_and_a_number_without_one():
    read = read_record(Whole, json.loads(json.dumps(plain(WHOLE)).replace('"count": 2', '"count": 2.0')), "1.0")
    assert (read.count, type(read.count)) == (2, int)
    document = plain(WHOLE)
    document["places"][0]["weight"] = 3
    weight = read_record(Whole, document, "1.0").places[0].weight
    assert (weight, type(weight)) == (3.0, float)


def test_fields_that_two_records_have_in_common():
    assert common_fields(WHOLE.places[1], Whole) == {}
    assert common_fields(WHOLE.places[1], Place) == vars(WHOLE.places[1])


numbers = st.floats(allow_nan=False, allow_infinity=False)
places = st.builds(Place, st.sampled_from(["left", "right", ""]), st.lists(numbers, min_size=3, max_size=3))


@given(
    st.builds(
        Whole, st.integers(3, 99), st.lists(places, min_size=1, max_size=3), st.just({}), st.just(1), st.builds(Words)
    )
)
def test_what_is_written_is_read_back(whole):
    read = read_record(Whole, json.loads(json.dumps(plain(whole))), "1.0")
    assert read == whole and json.dumps(plain(read)) == json.dumps(plain(whole))
