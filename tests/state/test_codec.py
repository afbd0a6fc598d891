"""Users and positions as bytes: nothing is lost, and what can not be read is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from journeystream.errors import StateError
from journeystream.state.codec import (
    PARTITION_FORM,
    USER_FORM,
    PartitionState,
    Reading,
    decode_partition,
    decode_user,
    encode_partition,
    encode_user,
)
from journeystream.user import Hold, Instance, Passes, Position, User
from tests.strategies import instants, users

# No deadline: on a shared machine one slow example says nothing.
laws = settings(deadline=None, max_examples=100)

GOLDEN_USER = User(
    id="u1",
    anonymous=True,
    known_since=-1,
    clock=1_709_251_200_000_000,
    traits={"plan": "pro", "tags": ["é", 1, 2.5, None, True]},
    facts={"0123456789ab": [-1, 1_709_251_200_000_000]},
    seen={"0123456789abcdef": 1_709_251_200_000_000},
    passes={"j": Passes(2, qualified=True, entered=3, exits={"completed": 2}, wake=7)},
    instances=[
        Instance(
            journey="j",
            version=2,
            number=3,
            entered_at=-1,
            entry={"cart_id": "c1"},
            positions=[
                Position("wait", 5, Hold("sent", 1, ["email", "ads"])),
                Position("split", 6, None, ["left"]),
                Position(None, 6, Hold("last", 1, ["email"])),
            ],
            visits={"sent": 1, "last": 1},
            wake=9,
        )
    ],
    stuck={"j": "KeyError('x')"},
)
BYTES_OF_FORM_1 = (
    b'\x01[1,-1,1709251200000000,{"plan":"pro","tags":["\xc3\xa9",1,2.5,nul'
    b'l,true]},{"0123456789ab":[-1,1709251200000000]},{"0123456789'
    b'abcdef":1709251200000000},{"j":[2,1,3,{"completed":2},7]},[['
    b'"j",2,3,-1,{"cart_id":"c1"},[["wait",5,["sent",1,["email","a'
    b'ds"]],[]],["split",6,null,["left"]],[null,6,["last",1,["emai'
    b'l"]],[]]],{"sent":1,"last":1},9]]]'
)
BYTES_OF_FORM_2 = b"\x02" + BYTES_OF_FORM_1[1:-1] + b""",{"j":"KeyError('x')"}]"""
# Few users have more than form 2 could say; what they have stands by name.
BYTES_OF_FORM_3 = b"\x03" + BYTES_OF_FORM_2[1:]
RARE_USER = User(
    "u2",
    passes={"j": Passes(1, left_at=7, goals={"paid": 6})},
    instances=[Instance("j", 1, 1, 5, key="cart-1", goals={"paid": 6}, results={"offer": [1]})],
    values={"0123456789ab": [(5, "cart-1")]},
    changed={"plan": 4},
    lists={"vip": 3},
    sent={"journey:j": [1, 2]},
)
RARE_BYTES_OF_FORM_3 = (
    b'\x03[0,-4611686018427387904,-4611686018427387904,{},{},{},{"j":[1,0,0,{},null,'
    b'{"left_at":7,"goals":{"paid":6}}]},[["j",1,1,5,{},[],{},null,{"key":"cart-1",'
    b'"goals":{"paid":6},"results":{"offer":[1]}}]],{},{"values":{"0123456789ab":[[5,"cart-1"]]},'
    b'"changed":{"plan":4},"lists":{"vip":3},"sent":{"journey:j":[1,2]}}]'
)
WAITING_USER = User("u3", passes={"j": Passes(1, qualified=True, wake=7, run=9)})
WAITING_BYTES_OF_FORM_3 = (
    b'\x03[0,-4611686018427387904,-4611686018427387904,{},{},{},{"j":[1,1,0,{},7,{"run":9}]},[],{}]'
)
GOLDEN_BYTES = (
    b'\x04{"id":"u1","a":true,"k":-1,"c":1709251200000000,"t":{"plan":"pro","tags":["\xc3\xa9",'
    b'1,2.5,null,true]},"f":{"0123456789ab":[-1,1709251200000000]},"s":{"0123456789abc'
    b'def":1709251200000000},"p":{"j":{"v":2,"q":true,"e":3,"x":{"completed":2},"w":7}'
    b'},"i":[{"j":"j","v":2,"n":3,"t":-1,"e":{"cart_id":"c1"},"p":[{"s":"wait","t":5,"'
    b'h":{"s":"sent","v":1,"d":["email","ads"]}},{"s":"split","t":6,"taken":["left"]},'
    b'{"s":null,"t":6,"h":{"s":"last","v":1,"d":["email"]}}],"s":{"sent":1,"last":1},"'
    b'w":9}],"stuck":{"j":"KeyError(\'x\')"}}'
)
RARE_BYTES = (
    b'\x04{"id":"u2","p":{"j":{"v":1,"l":7,"goals":{"paid":6}}},"i":[{"j":"j","v":1,"n":1'
    b',"t":5,"key":"cart-1","goals":{"paid":6},"results":{"offer":[1]}}],"values":{"01'
    b'23456789ab":[[5,"cart-1"]]},"changed":{"plan":4},"lists":{"vip":3},"sent":{"jour'
    b'ney:j":[1,2]}}'
)
WAITING_BYTES = b'\x04{"id":"u3","p":{"j":{"v":1,"q":true,"w":7,"run":9}}}'
GOLDEN_PARTITION = PartitionState(
    -1,
    {"web": 3},
    {("j", 2): 5},
    {"web/1": 7},
    11,
    [2, 7, 3, 9],
    {"j": 1},
    {("j", 3): Reading({"web": 1}, {"web": 3}, "u1")},
)
GOLDEN_PARTITION_BYTES = (
    b'\x04[-1,{"web":3},[["j",2,5]],{"web/1":7},11,[2,7,3,9],{"j":1},'
    b'[["j",3,{"web":1},{"web":3},"u1"]]]'
)
PARTITION_BYTES_OF_FORM_3 = b'\x03[-1,{"web":3},[["j",2,5]],{"web/1":7},11,[2,7,3,9],{"j":1}]'
PARTITION_BYTES_OF_FORM_2 = b'\x02[-1,{"web":3},[["j",2,5]],{"web/1":7},11,[2,7,3,9]]'
PARTITION_BYTES_OF_FORM_1 = b'\x01[-1,{"web":3},[["j",2,5]],{"web/1":7},11]'


@laws
@given(users())
def test_a_user_comes_back_as_written(user: User) -> None:
    """A record decodes to an equal user, of equal types, and encodes to the same bytes again."""
    data = encode_user(user)
    back = decode_user(user.id, data)
    assert back == user
    assert repr(back) == repr(user)
    assert encode_user(back) == data
    assert back.derived() == user.derived()


@laws
@given(
    st.builds(
        PartitionState,
        clock=instants(),
        positions=st.dictionaries(st.text(), st.integers(0, 1 << 62), max_size=3),
        floors=st.dictionaries(st.tuples(st.text(), st.integers(1, 99)), instants(), max_size=3),
        fronts=st.dictionaries(st.text(), instants(), max_size=3),
        changelog=st.integers(0, 1 << 62),
        rejections=st.lists(st.integers(0, 1 << 62), max_size=3),
        reviewed=st.dictionaries(st.text(), st.integers(1, 9), max_size=3),
    )
)
def test_a_position_comes_back_as_written(state: PartitionState) -> None:
    """A partition's position decodes to an equal one."""
    assert decode_partition(encode_partition(state)) == state


def test_records_of_older_forms_can_be_read_for_ever() -> None:
    """What earlier releases wrote is still read, and what they did not know is empty."""
    assert decode_user("u1", BYTES_OF_FORM_3) == GOLDEN_USER
    assert decode_user("u2", RARE_BYTES_OF_FORM_3) == RARE_USER
    assert decode_user("u3", WAITING_BYTES_OF_FORM_3) == WAITING_USER
    assert encode_user(decode_user("u3", WAITING_BYTES_OF_FORM_3)) == WAITING_BYTES
    assert decode_user("u1", BYTES_OF_FORM_1) == structs.replace(GOLDEN_USER, stuck={})
    assert decode_user("u1", BYTES_OF_FORM_2) == GOLDEN_USER
    assert decode_partition(GOLDEN_PARTITION_BYTES) == GOLDEN_PARTITION
    before_readings = replace(GOLDEN_PARTITION, readings={})
    assert decode_partition(PARTITION_BYTES_OF_FORM_3) == before_readings
    before_reviews = replace(before_readings, reviewed={})
    assert decode_partition(PARTITION_BYTES_OF_FORM_2) == before_reviews
    assert decode_partition(PARTITION_BYTES_OF_FORM_1) == replace(before_reviews, rejections=[])


def test_a_record_of_another_user_is_damaged() -> None:
    """A record says whose it is, so that it is not taken for another's."""
    with pytest.raises(StateError, match="'u2' is damaged"):
        decode_user("u2", GOLDEN_BYTES)


def test_a_form_that_changes_gets_a_new_number() -> None:
    """As long as a form has its number, it writes the very bytes that it first wrote."""
    assert (USER_FORM, PARTITION_FORM) == (4, 4)
    assert encode_user(GOLDEN_USER) == GOLDEN_BYTES
    assert encode_user(RARE_USER) == RARE_BYTES
    assert encode_user(WAITING_USER) == WAITING_BYTES
    assert encode_partition(GOLDEN_PARTITION) == GOLDEN_PARTITION_BYTES


@pytest.mark.parametrize("form", [None, 0, 5, 255])
def test_an_unknown_form_is_refused(form: int | None) -> None:
    """A form that is not known is refused with what it is and what to do."""
    user, partition = (
        b"" if form is None else bytes((form,)) + data[1:]
        for data in (GOLDEN_BYTES, GOLDEN_PARTITION_BYTES)
    )
    found = "none" if form is None else form
    with pytest.raises(StateError, match=rf"form {found}, .* run the version that wrote it"):
        decode_user("u1", user)
    with pytest.raises(StateError, match=rf"form {found}, .* run the version that wrote it"):
        decode_partition(partition)
