"""Identity: two ids turn out to be one user.

An alias says so of any id, an identify with both ids of an anonymous one. The user who says it, the
*claimant*, is in one partition and who is claimed in another, so it takes messages between them
(`HandedOver`), each of which is a record of the re-keying topic and counts exactly once:

    claimant                 claimed
    says who they are   -->  Claimed: at that time becomes the claimant; only the name stays
    takes them in       <--  Adopted: all that they had (`adopting.py`)
                        <--  whatever still comes for the old id

A claim is an alarm: it waits until the clock of its partition has come to it. So it overtakes
nothing that stands in the log there, and neither does a timer that moves with it.

Laws:

1. Nothing is lost: what an id had goes to who it became, and so does whatever comes for it later,
   at its own time. What comes before the claim does is still the id's own, and moves with the rest.
2. An id becomes who claims it first, and stays so; a later claim means nothing. An identify claims
   nobody who is known. So a device that two people share is the first one's.
3. Who becomes another leaves all send steps (reason `merged`), so every Entered has its Exited.
4. Chains are followed. Where aliases that cross make a circle, what goes round ends at the
   smallest id in it, and that one is itself again.
5. A user who claims the same id again says nothing new, and costs a look into their record.
"""

from __future__ import annotations

from dataclasses import replace

from journeystream.effects import stable_id
from journeystream.events import (
    Adopted,
    Answered,
    Claimed,
    Enrolled,
    Event,
    Happening,
    Listed,
    Message,
    Moved,
    Removed,
)
from journeystream.memberships import Why
from journeystream.merging import MOST_CLAIMED
from journeystream.user import NEVER, Claim, Hold, Instance, User
from journeystream.walk import Walk

MERGED = "merged"


def claims(user: User, event: Event) -> bool:
    """Tell whether an event says something new about who the user is."""
    other = event.previous
    return bool(other) and other != user.id and other not in user.claimed


def claim(walk: Walk, event: Event) -> None:
    """Claim the other id of an event, and note it."""
    user = walk.user
    user.claimed = [*user.claimed, event.previous][-MOST_CLAIMED:]
    walk.told.hand_over(Claimed(event.previous, walk.now, user.id, event.kind == "alias"))


def hear(user: User, claimed: Claimed) -> bool:
    """Note that somebody claims the user; tell whether that is news."""
    claim_ = Claim(claimed.by, claimed.at, claimed.openly)
    if not _may_be_claimed(user, claim_) or (user.claim and user.claim.at <= claim_.at):
        return False
    user.claim = claim_
    return True


def become(walk: Walk) -> None:
    """Give all that the user has to who claims them, and keep nothing but their name."""
    user = walk.user
    claim_, user.claim = user.claim, None
    if claim_ is None or not _may_be_claimed(user, claim_):
        return
    is_nobody = _is_nobody(user)
    for instance in user.instances:
        _leave_steps(walk, instance)
    if not is_nobody:
        # The same however often it is computed.
        id_ = stable_id("adopt", user.id, claim_.by, str(claim_.at))
        # At the claimant's own time: theirs must not run ahead of what is still to be read there.
        walk.told.hand_over(Adopted(claim_.by, claim_.at, user, (user.id,), id_))
    walk.user = User(
        user.id, anonymous=user.anonymous or is_nobody, clock=walk.now, became=claim_.by
    )


def comes_home(user: User, happening: Happening) -> bool:
    """Tell whether a record went round in a circle, and this is where it stays (law 4)."""
    if not isinstance(happening, Adopted) or user.id not in happening.trail:
        return False
    circle = happening.trail[happening.trail.index(user.id) :]
    return user.id == min(circle)


def follow(walk: Walk, happening: Happening) -> bool:
    """Hand over what comes for a user who became another."""
    message = _for_another(walk.user, happening)
    if message is None:
        return False
    walk.told.hand_over(message)
    return True


def _for_another(user: User, happening: Happening) -> Message | None:
    """Return what a happening is to who the user became; None if it is nothing to them."""
    match happening:
        case Event():
            return replace(happening, user_id=user.became, anonymous=False)
        case Enrolled() | Listed() | Answered() | Removed() | Moved():
            return replace(happening, user_id=user.became)
        case Adopted():
            return replace(happening, user_id=user.became, trail=(*happening.trail, user.id))
        case _:
            return None


def _may_be_claimed(user: User, claim_: Claim) -> bool:
    return claim_.openly or user.anonymous or _is_nobody(user)


def _is_nobody(user: User) -> bool:
    return user.known_since == NEVER


def _leave_steps(walk: Walk, instance: Instance) -> None:
    """Tell that the user leaves every send step, but note that they are there (`Hold`)."""
    walk.journey_at_work = instance.journey
    journey = walk.version_of(instance)
    if walk.travels is not None:
        walk.travels.left(instance, journey, MERGED, walk.moment(journey, instance))
    for position in instance.positions:
        hold = position.hold
        walk.told.leave(instance, position, journey.steps, Why(MERGED), walk.now)
        if hold is not None:
            position.hold = Hold(hold.step, hold.visit, [])
