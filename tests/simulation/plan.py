"""What one seed means: which project, which events, and what goes wrong and when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from tests.simulation.broker import Network

STEPS = ("init", "send", "offsets", "commit", "fetch", "ends", "save")
SOURCE, OTHER = "shop", "web"
_ERASED = 0.15  # of the events
_BY_HAND = 0.3
_UNREAD = 0.4
_MODES = ("replay", "live", "replay of two", "live of two", "odd clocks")


@dataclass(frozen=True, slots=True)
class AtStep:
    """Something befalls whoever makes the nth request of a kind, before, at or after it."""

    step: str
    moment: str
    nth: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and when: at a second, or at a step. `seconds` is how long it lasts."""

    what: str
    when: float | AtStep
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """A record that an app produces at a second; `skew` is how wrong its clock is (seconds)."""

    at: float
    topic: str
    user: str
    name: str
    skew: float = 0.0


@dataclass(slots=True)
class Plan:
    """One simulation. `sources` maps topics to whether they are keyed by user.

    `duplicates` is how often a batch comes again; `stale` lets batches come after a rebalance
    that were fetched before it; with `transactions` upstream apps use some of their own. With
    `repeats` turns are committed at least once. With `aliases` some users are anonymous, and turn
    out to be others; and somebody takes some out of journeys, or moves them, by hand.
    """

    seed: int
    mode: str
    live: bool
    sources: dict[str, bool]
    partitions: int
    workers: int
    standbys: int
    network: Network
    upstream: list[Upstream] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    publish_at: float | None = None
    archive_at: float | None = None
    duplicates: float = 0.0
    transactions: bool = False
    stale: bool = False
    repeats: bool = False
    aliases: bool = False

    @property
    def strict(self) -> bool:
        """Whether the whole log in one piece has the same outputs."""
        plain = self.sources == {SOURCE: True} and self.mode in {"replay", "live"}
        edited = self.publish_at is not None or self.archive_at is not None
        alone = plain and not edited and not self.aliases
        return alone and not (self.live and self.transactions)


def draw(seed: int, *, repeats: bool = False, aliases: bool = False) -> Plan:
    """Return the plan of a seed; one that may repeat is of a kind with one right outcome."""
    random = Random(seed)  # noqa: S311  it has to be repeatable
    mode = random.choice(_MODES)
    two = mode.endswith("of two")
    plan = Plan(
        seed=seed,
        mode=mode,
        live=not mode.startswith("replay"),
        sources=random.choice(({SOURCE: True, OTHER: False}, {OTHER: False}))
        if two or (mode == "odd clocks" and random.random() < 0.3)
        else {SOURCE: True},
        partitions=random.choice((1, 2, 2, 3)),
        workers=random.choice((1, 2, 2, 3)),
        standbys=random.choice((0, 0, 1)),
        network=_network(random),
        duplicates=random.choice((0.0, 0.05, 0.3)),
        transactions=random.random() < 0.2,
        stale=random.random() < 0.15,
        aliases=aliases,
    )
    if random.random() < 0.25:
        plan.publish_at = random.randint(100, 1_800) / 1_000
    if random.random() < 0.25:
        plan.archive_at = random.randint(500, 1_800) / 1_000
    if repeats:
        plan.sources, plan.mode = {SOURCE: True}, "live" if plan.live else "replay"
        plan.publish_at = plan.archive_at = None
        plan.transactions, plan.repeats = False, True
    plan.upstream = _upstream(random, plan)
    if random.random() < 0.9:
        plan.faults = [_fault(random, plan) for _ in range(random.randint(1, 5))]
    return plan


def _network(random: Random) -> Network:
    return Network(
        slowest=random.choice((0.004, 0.02, 0.1)),
        markers=random.choice((0.0, 0.0, 0.05, 0.6)),
        transaction_timeout=random.choice((60.0, 1.5)),
    )


def _upstream(random: Random, plan: Plan) -> list[Upstream]:
    users = [f"u{number}" for number in range(random.randint(2, 6))]
    skewed = {topic: random.uniform(-1, 1) for topic in plan.sources}
    moments = [random.randint(1, 2_000) for _ in range(random.randint(12, 45))]
    for edited_at in (plan.publish_at, plan.archive_at):
        # Whoever has just published may produce at once.
        if edited_at is not None:
            moments += [round(edited_at * 1_000) + random.randint(1, 30) for _ in range(5)]
    events = []
    for at in sorted(moment / 1_000 for moment in moments):
        topic = random.choice(list(plan.sources))
        late = 0.0
        if plan.mode == "odd clocks":
            late = skewed[topic] + random.choice((0, 0, -0.5))
        elif not plan.live:
            late = random.choice((0.0, 0.0, 0.0, -0.7))
        name = random.choice(("a", "a", "b", "c", "c", "plan", "junk"))
        events.append(Upstream(at, topic, random.choice(users), name, late))
    return _with_notes(_with_erasures(_with_unread(events, plan.seed), plan.seed), plan)


def _with_unread(events: list[Upstream], seed: int) -> list[Upstream]:
    """Let no journey read some events of every fourth plan."""
    return _renamed(events, seed, _UNREAD, "unread") if seed % 4 == 2 else events


def _with_erasures(events: list[Upstream], seed: int) -> list[Upstream]:
    """Let some events of every third plan erase their user."""
    return _renamed(events, seed, _ERASED, "erase") if seed % 3 == 1 else events


def _with_notes(events: list[Upstream], plan: Plan) -> list[Upstream]:
    """Let something be done by hand, instead of some events, where ids become others too."""
    return _renamed(events, plan.seed, _BY_HAND, "exit", "move", "move") if plan.aliases else events


def _renamed(events: list[Upstream], seed: int, share: float, *names: str) -> list[Upstream]:
    """Let a share of the events have one of these names; the others stay what they were."""
    random = Random(seed)  # noqa: S311  it has to be repeatable
    return [
        replace(event, name=random.choice(names) if len(names) > 1 else names[0])
        if random.random() < share
        else event
        for event in events
    ]


def _fault(random: Random, plan: Plan) -> Fault:
    kinds = ["kill", "kill", "kill", "freeze", "freeze", "evict", "leave", "join", "broker"]
    # Without fencing, compaction has to come later than the next owner (docs/rules.md).
    kinds += ["reset"] if plan.repeats else ["compact", "retention", "reset"]
    if plan.mode == "odd clocks":
        kinds += ["jump", "jump"]
    what = random.choice(kinds)
    when: float | AtStep = random.uniform(0.0, 2.8)
    if what in {"kill", "freeze", "evict", "broker"} and random.random() < 0.7:
        step = random.choice(STEPS)
        moments = ("before", "heard") if step == "save" else ("before", "applied", "heard")
        when = AtStep(step, random.choice(moments), random.randint(1, 12))
    return Fault(what, when, random.choice((0.1, 0.4, 1.2, 2.0)))
