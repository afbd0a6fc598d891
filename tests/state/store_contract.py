"""What every store of a partition promises; one class of tests for all of them.

A module of tests inherits `StoreContract` and says in its `store` fixture which store it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeystream.state.codec import PartitionState, encode_user
from journeystream.state.store import Change, Store, change_of, removal_of
from journeystream.user import NEVER, Derived, Hold, Instance, Passes, Position, User
from tests.strategies import users

FOREVER = 1 << 62
ODD_IDS = ("a/b", "a b", " ", "ÅÄÖ", "用户", "🙂", "u\x01", "u", "..", "x" * 1_000, "%s", "\n")


def save(store: Store, *records: User, partition: PartitionState | None = None) -> None:
    """Store users as a worker does: knowing what was derived from what is stored now."""
    store.save(changes(store, records), partition or PartitionState())


def changes(store: Store, records: Iterable[User]) -> list[Change]:
    """Return the changes that make these the stored records."""
    found = []
    for user in records:
        known = store.load([user.id]).get(user.id)
        found.append(change_of(user, known.derived() if known else Derived()))
    return found


def remove(store: Store, id_: str) -> None:
    """Remove a user as a worker does."""
    known = store.load([id_]).get(id_)
    store.save([removal_of(id_, known.derived() if known else Derived())], store.partition())


def waiting(id_: str, *wakes: int) -> User:
    """Return a user whose journeys want to be woken at these instants."""
    return User(id_, passes={f"j{n}": Passes(1, wake=wake) for n, wake in enumerate(wakes)})


def standing(id_: str, *places: tuple[str, str]) -> User:
    """Return a user who stands at these (journey, step)."""
    return User(
        id_,
        instances=[
            Instance(journey, 1, 1, 0, positions=[Position(step, 0)]) for journey, step in places
        ],
    )


class StoreContract:
    """The promises, each a test."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """Open an empty store; each module says which."""
        raise NotImplementedError

    def test_an_empty_store_knows_nobody(self, store: Store) -> None:
        """Where nothing was saved there is nobody, no alarm, no place, and no position."""
        assert store.load(["nobody"]) == {}
        assert store.load([]) == {}
        assert store.due(FOREVER) == []
        assert store.next_wake() is None
        assert store.members("j", 9) == []
        assert list(store.users()) == []
        assert store.partition() == PartitionState()

    def test_what_was_saved_is_loaded(self, store: Store) -> None:
        """Of the ids that are asked for, those that are known come back as they were saved."""
        hold = Hold("sent", 2, ["email", "ads"])
        full = User(
            "u1",
            anonymous=True,
            known_since=-5,
            clock=7,
            traits={"plan": "pro", "nested": {"list": [1, 2.5, None, True, "é"]}},
            facts={"p": [-3, 4]},
            seen={"m": 4},
            passes={"j": Passes(1, qualified=True, entered=2, exits={"completed": 1}, wake=9)},
            instances=[Instance("j", 1, 2, 4, {"n": 1}, [Position(None, 5, hold)], {"sent": 2})],
        )
        save(store, full, User("u2"))
        assert store.load(["u1", "nobody", "u2"]) == {"u1": full, "u2": User("u2")}
        assert list(store.users()) == ["u1", "u2"]

    def test_what_is_loaded_is_a_fresh_copy(self, store: Store) -> None:
        """To change what was loaded, or what was saved, changes nothing that is stored."""
        user = User("u1", traits={"plan": ["pro"]})
        save(store, user)
        loaded = store.load(["u1"])["u1"]
        for each in (user, loaded):
            each.traits["plan"] = "free"
            each.passes["j"] = Passes(1, wake=1)
        assert store.load(["u1"]) == {"u1": User("u1", traits={"plan": ["pro"]})}
        assert store.next_wake() is None

    def test_alarms_come_in_due_order(self, store: Store) -> None:
        """Alarms are ordered by instant, those before 1970 first, and ties by user id."""
        wakes = [("c", 5), ("a", 5), ("b", -5), ("d", 0), ("e", -(1 << 61)), ("f", 1 << 61)]
        save(store, *(waiting(id_, wake) for id_, wake in wakes))
        in_order = sorted((wake, id_) for id_, wake in wakes)
        assert store.due(FOREVER) == in_order
        assert store.due(5) == in_order[:-1]
        assert store.due(4) == in_order[:3]
        assert store.due(-6) == in_order[:1]
        assert store.due(NEVER) == []
        assert store.next_wake() == -(1 << 61)

    def test_an_alarm_is_the_earliest_wake(self, store: Store) -> None:
        """However many timers a user has, there is one alarm, at the earliest."""
        save(store, waiting("u1", 30, 10, 20))
        assert store.due(FOREVER) == [(10, "u1")]

    def test_alarms_are_replaced(self, store: Store) -> None:
        """A new record has a new alarm, an equal one, or none; the old one is gone."""
        save(store, waiting("u1", 10), waiting("u2", 10))
        save(store, waiting("u1", 20), waiting("u2", 10))
        assert store.due(FOREVER) == [(10, "u2"), (20, "u1")]
        save(store, waiting("u2"))
        assert store.due(FOREVER) == [(20, "u1")]
        assert store.next_wake() == 20

    def test_members_come_in_order_with_a_limit(self, store: Store) -> None:
        """Whoever stands anywhere in a journey is a member once, in order of id."""
        save(
            store,
            standing("u2", ("j", "s1"), ("j", "s2")),
            standing("u1", ("j", "s2")),
            standing("u3", ("j", "s1"), ("other", "s1")),
            standing("u4", ("j-2", "s1")),
        )
        assert store.members("j", 9) == ["u1", "u2", "u3"]
        assert [store.members("j", limit) for limit in (2, 1, 0)] == [["u1", "u2"], ["u1"], []]
        assert store.members("j", 9, "u1") == ["u2", "u3"]
        assert store.members("j", 1, "u1") == ["u2"]
        assert store.members("j", 9, "u25") == ["u3"]
        assert store.members("j", 9, "u3") == []
        assert store.members("other", 9) == ["u3"]
        assert store.members("j-2", 9) == ["u4"]
        assert store.members("unknown", 9) == []
        assert store.standing("j", 2) == {"u1": ["s2"], "u2": ["s1", "s2"]}
        assert store.standing("j", 2, "u1") == {"u2": ["s1", "s2"], "u3": ["s1"]}

    def test_places_are_replaced(self, store: Store) -> None:
        """A user who moved, left, or rests at a send step is where the new record says."""
        save(store, standing("u1", ("j", "s1")), standing("u2", ("j", "s1")))
        resting = Position(None, 0, Hold("s2", 1, ["email"]))
        save(store, User("u1", instances=[Instance("k", 1, 1, 0, positions=[resting])]))
        assert (store.members("j", 9), store.members("k", 9)) == (["u2"], ["u1"])
        save(store, User("u1"), standing("u2", ("j", "s2")))
        assert (store.members("j", 9), store.members("k", 9)) == (["u2"], [])

    def test_the_partition_is_saved_with_the_users(self, store: Store) -> None:
        """The clock, the offsets, the floors and the fronts come back as saved."""
        state = PartitionState(
            clock=-7,
            positions={"web": 3, "app.rekeyed": 0},
            floors={("j", 2): -1, ("k", 1): 5},
            fronts={"web/1": -3},
            changelog=11,
        )
        save(store, partition=state)
        assert store.partition() == state
        save(store, User("u1"), partition=PartitionState(clock=8))
        assert store.partition() == PartitionState(clock=8)

    def test_a_save_is_all_or_nothing(self, store: Store) -> None:
        """A save that breaks off stores no user, no alarm, no place and no position."""
        save(store, waiting("u1", 10))

        def breaking_off() -> Iterator[Change]:
            yield from changes(store, [waiting("u1", 20), standing("u2", ("j", "s"))])
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.save(breaking_off(), PartitionState(clock=5))
        assert store.load(["u1", "u2"]) == {"u1": waiting("u1", 10)}
        assert store.due(FOREVER) == [(10, "u1")]
        assert store.members("j", 9) == []
        assert store.partition() == PartitionState()

    def test_its_size_is_told(self, store: Store) -> None:
        """Of users who were written once it tells how many, and how many of them wait."""
        save(store, *(waiting(f"u{number}", number) for number in range(5)), User("u9"))
        save(store, waiting("u0", 7))
        size = store.size()
        assert (size.users in (6, 7), size.alarms) == (True, 5)
        assert size.bytes > 0

    def test_of_two_changes_of_a_user_the_later_counts(self, store: Store) -> None:
        """One save may hold a user twice: each change starts where the one before it ended."""
        early, late = waiting("u1", 10), waiting("u1", 20)
        store.save(
            [change_of(early, Derived()), change_of(late, early.derived())], PartitionState()
        )
        assert store.load(["u1"]) == {"u1": late}
        assert store.due(FOREVER) == [(20, "u1")]

    def test_of_a_removed_user_nothing_is_left(self, store: Store) -> None:
        """Record, alarm and places go together; others stay, and nobody can be removed too."""
        both = [waiting("u1", 10), waiting("u2", 10)]
        for user in both:
            user.instances = standing(user.id, ("j", "s1"), ("k", "s1")).instances
        save(store, *both, partition=PartitionState(clock=5))
        remove(store, "u1")
        remove(store, "nobody")
        assert (list(store.users()), store.load(["u1"])) == (["u2"], {})
        assert (store.due(FOREVER), store.next_wake()) == ([(10, "u2")], 10)
        assert (store.members("j", 9), store.members("k", 9)) == (["u2"], ["u2"])
        assert store.partition() == PartitionState(clock=5)
        remove(store, "u2")
        assert (list(store.users()), store.due(FOREVER), store.next_wake()) == ([], [], None)
        assert store.members("j", 9) == []

    def test_who_was_removed_may_come_again(self, store: Store) -> None:
        """In a save of its own, or in the same one, before or after the removal."""
        early, late = waiting("u1", 10), waiting("u1", 20)
        save(store, early)
        remove(store, "u1")
        save(store, late)
        assert store.load(["u1"]) == {"u1": late}
        again = [removal_of("u1", late.derived()), change_of(early, Derived())]
        store.save(again, PartitionState())
        assert (store.load(["u1"]), store.due(FOREVER)) == ({"u1": early}, [(10, "u1")])
        gone = [change_of(late, early.derived()), removal_of("u1", late.derived())]
        store.save(gone, PartitionState())
        assert (store.load(["u1"]), store.due(FOREVER)) == ({}, [])

    def test_ids_may_be_anything(self, store: Store) -> None:
        """Ids with slashes, spaces, other scripts or a thousand letters are one user each."""
        save(
            store,
            *(
                User(
                    id_,
                    traits={"n": n},
                    passes={"j": Passes(1, wake=7)},
                    instances=standing(id_, ("j", "s")).instances,
                )
                for n, id_ in enumerate(ODD_IDS)
            ),
        )
        assert {u.id: u.traits["n"] for u in store.load(ODD_IDS).values()} == {
            id_: n for n, id_ in enumerate(ODD_IDS)
        }
        assert list(store.users()) == sorted(ODD_IDS)
        assert store.due(7) == [(7, id_) for id_ in sorted(ODD_IDS)]
        assert store.members("j", 99) == sorted(ODD_IDS)

    def test_ids_may_hold_a_nul(self, store: Store) -> None:
        """JSON can write NUL in an id; such a user is a member under the whole id."""
        ids = ["a", "a\0", "a\0b", "b"]
        save(store, *(standing(id_, ("j", "s")) for id_ in ids))
        assert sorted(store.members("j", 9)) == ids

    def test_stores_hold_what_was_saved_last(self, store: Store) -> None:
        """After any saves and removals, all is that of the last record of each."""
        last: dict[str, User] = {}

        # No deadline: a shared machine may stop for a moment.
        @settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
        @given(
            st.lists(users().filter(lambda user: "\0" not in user.id), max_size=4),
            st.integers(0, 3),
        )
        def saved(records: list[User], removed: int) -> None:
            for user in records:
                save(store, user)
                last[user.id] = user
            for user in records[:removed]:
                remove(store, user.id)
                last.pop(user.id, None)
            assert list(store.users()) == sorted(last)
            loaded = store.load(list(last))
            assert {id_: encode_user(user) for id_, user in loaded.items()} == {
                id_: encode_user(user) for id_, user in last.items()
            }
            alarms = [(user.wake, id_) for id_, user in last.items() if user.wake is not None]
            assert store.due(FOREVER) == sorted(alarms)
            for journey in {each.journey for user in records for each in user.instances}:
                assert store.members(journey, 999) == sorted(
                    id_
                    for id_, user in last.items()
                    if journey in {place[0] for place in user.derived().places}
                )

        saved()
