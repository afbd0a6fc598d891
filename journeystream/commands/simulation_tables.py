"""A simulation's report for people: its figures, whom it tells of, and what to know about it."""

from __future__ import annotations

from collections.abc import Iterator

from journeystream.commands import output
from journeystream.simulated import EventsRead, Moment, Report, Simulated


def say_report(report: Report) -> None:
    """Print a report."""
    read, this = report.read, report.simulated
    output.say(
        f"{this.journey} ({this.label}): {output.count_of(read.events, 'event')}"
        + (f" from {read.first} to {read.last}; time passes to {this.until}" if read.first else "")
    )
    _say_figures(report)
    if report.difference is None:
        _say_timelines(this)
    else:
        _say_difference(report)
    _remark(report)


def _say_figures(report: Report) -> None:
    both = [each for each in (report.simulated, report.against) if each is not None]
    figures = [{(what, which): count for what, which, count in _figures(each)} for each in both]
    keys = list(dict.fromkeys(key for each in figures for key in each))
    kinds = list(dict.fromkeys(what for what, _ in keys))
    # What only one of them has stands beside others of its kind.
    keys.sort(key=lambda key: kinds.index(key[0]))
    output.say_table(
        ("", "", *(each.label for each in both)),
        [[*key, *(f"{each.get(key, 0):,}" for each in figures)] for key in keys],
    )


def _figures(of: Simulated) -> Iterator[tuple[str, str, int]]:
    yield "entered", "passes", of.entered
    yield "entered", "users", of.users
    yield "inside", "passes", of.inside
    for step, users in of.standing.items():
        yield "users at", step, users
    for reason, passes in of.exits.items():
        yield "exited", reason, passes
    for edge in of.edges:
        branch = f" ({edge.branch})" if edge.branch else ""
        yield "way", f"{edge.step} → {edge.next}{branch}", edge.passes
    for goal, passes in of.goals.items():
        yield "goal", goal, passes
    for each in of.messages:
        yield "messages", f"{each.destination}, entered", each.entered
        yield "messages", f"{each.destination}, exited", each.exited
    if of.profile_changes:
        yield "messages", "profile changes", of.profile_changes


def _say_timelines(of: Simulated) -> None:
    if of.timelines:
        output.say("")
        output.say_table(
            ("user", "time", "what happened"),
            [
                [timeline.user, moment.at, _words(moment)]
                for timeline in of.timelines
                for moment in timeline.moments
            ],
        )


def _words(moment: Moment) -> str:
    match moment.what:
        case "entered":
            return "enters"
        case "step":
            branch = f" ({moment.detail})" if moment.detail else ""
            return f"comes to {moment.name}{branch}"
        case "goal":
            return f"reaches goal {moment.name}"
        case "told":
            return f"{moment.destination} is told of {moment.name}: {moment.detail}"
        case "asked":
            return f"asks {moment.detail} in {moment.name}, and gets no answer"
        case "left":
            return f"leaves: {moment.detail}"


def _say_difference(report: Report) -> None:
    difference = report.difference
    if difference is None:
        return
    output.say(
        f"\nfare differently: {difference.entry:,} enter or not, {difference.path:,} by other "
        f"steps, {difference.end:,} to another end"
    )
    if difference.users:
        output.say_table(
            ("user", "differs in", "way", "against"),
            [
                [each.user, each.differs, _ways(each.this), _ways(each.against)]
                for each in difference.users
            ],
        )


def _ways(ways: tuple[tuple[str, ...], ...]) -> str:
    return "; ".join(" → ".join(way) or "inside" for way in ways) or "does not enter"


def _remark(report: Report) -> None:
    read, this = report.read, report.simulated
    for each in read.refused:
        output.remark(
            f"no event: {output.count_of(each.records, 'record')} ({each.code}), "
            f"the first is {each.example}"
        )
    if read.left_out:
        output.remark(f"{output.count_of(read.left_out, 'event')} outside of the times asked for")
    _remark_late(read)
    if this.unanswered:
        output.remark(
            f"{output.count_of(this.unanswered, 'question')} to a decision service: none is "
            f"answered here, each goes the way of its time-out"
        )
    for fault, count in this.failures.items():
        output.remark(f"{fault}, {output.count_of(count, 'time')}: a fault of journeystream")


def _remark_late(read: EventsRead) -> None:
    if read.late:
        output.remark(
            f"{output.count_of(read.late, 'event')} later in the log than newer ones: they count "
            f"as late, as for a worker; if that is the file's order only, sort it by time"
        )
