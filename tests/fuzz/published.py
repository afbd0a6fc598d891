"""What is published while inputs are tried: the example journeys, and one that asks everything."""

from __future__ import annotations

from functools import cache
from typing import Any

from journeystream.control_log import Published
from journeystream.definitions import (
    Definition,
    parse_definition,
    read_definitions,
)
from journeystream.engine import Rules
from journeystream.project import Project, load_project
from journeystream.publishing import publish, workshop_of
from tests.shipped import AUDIENCES, PROJECT_FILE, template
from tests.strategies import START

# A few, as each costs every run something.
EXAMPLE_FILES = (
    *AUDIENCES,
    template("cart_abandonment"),
    template("low_recency_winback"),
    template("onboarding"),
    template("paid_subscription_acquisition"),
    template("trial_to_paid"),
)

QUESTIONS: tuple[dict[str, Any], ...] = (
    {"trait": "plan", "matches": "^(a|p)+r?o$"},
    {"trait": "address.city", "starts_with": "P", "not_equals": "Paris"},
    {"trait": "tags", "includes_any": ["a", 1, True], "length": {"at_most": 3}},
    {"trait": "tags", "includes_all": ["a"], "includes_none": ["b"]},
    {"trait": "score", "between": [0, 10]},
    {"trait": "score", "less_than": 0.5},
    {"trait": "score", "empty": True},
    {"trait": "name", "contains": "ß", "ends_with": "e", "at_least": "a"},
    {"event": "*", "within": "1 month", "at_most": 2},
    {"event": "a", "where": {"n": {"in": [1, "1"]}, "context.page.path": {"exists": True}}},
    {"page": "home", "where": {"b.c": {"greater_than": 1}}, "within": "1 day 2 hours"},
    {"screen": "s", "between": [1, 3], "after": "2024-01-01", "before": "2025-01-01T00:00:00Z"},
    {"trait": "born", "anniversary_within": 3, "before": "2020-01-01"},
    {"trait": "born", "within_last": "1 month", "within_next": "2 months 1 day"},
    {"trait": "born", "same_day": "today", "after": "1990-01-01T00:00:00+14:00"},
    {"trait": "plan", "changed": True, "within": "1 month", "changed_to": "pro"},
    {"trait": "address.city", "has_been": "Pau", "for": "1 day"},
    {"inaction": {"did": "a", "without": {"page": "home"}, "within": "1 month"}},
    {
        "sequence": ["a", {"event": "*", "where": {"n": {"within_last": "1 day"}}}],
        "within": "1 day",
    },
    {"journey": "welcome", "is": "reached_goal", "within": "1 month"},
    {"journey": "welcome", "is": "has_exited", "reason": "archived"},
    {"list": "vips"},
    {"event": "b", "exactly": 2, "since": "entry"},
)
ODD_JOURNEY: dict[str, Any] = {
    "id": "odd",
    "name": "Odd",
    "time_zone": "Pacific/Apia",
    "entry": {"condition": {"any": [{"event": "*"}, *QUESTIONS[:-1]]}, "reentry": "after_exit"},
    "exits": [{"name": "b twice", "condition": QUESTIONS[-1]}],
    "max_duration": "13 months",
    "at_end": "exit",
    "steps": [
        {
            "id": "split",
            "type": "multi_branch_split",
            "branches": [
                {"name": f"branch {index}", "condition": condition, "next": "sent"}
                for index, condition in enumerate(QUESTIONS)
            ],
            "timeout": {"after": "2 months", "next": "pause"},
        },
        {"id": "sent", "type": "send_to_destinations", "destinations": ["crm"], "next": "pause"},
        {"id": "pause", "type": "wait_for_duration", "duration": "1 month 1 day", "next": "again"},
        {
            "id": "again",
            "type": "true_false_split",
            "condition": {"not": {"all": list(QUESTIONS[:4])}},
            "if_true": {"next": "rest"},
            "if_false": {"next": "out"},
        },
        {
            "id": "rest",
            "type": "wait_for_condition",
            "condition": {"event": "b", "since": "step", "at_least": 2},
            "timeout": {"after": "3 days", "next": "last"},
        },
        {"id": "last", "type": "send_to_destinations", "destinations": ["google_ads"]},
        {"id": "out", "type": "exit"},
    ],
}


@cache
def project() -> Project:
    """Return the project of the examples."""
    return load_project(PROJECT_FILE)


def definitions() -> list[Definition]:
    """Return everything that gets published."""
    examples = [each for file in EXAMPLE_FILES for each in read_definitions(file)]
    return [*examples, parse_definition(ODD_JOURNEY, "odd")]


def control_records() -> list[tuple[bytes, bytes]]:
    """Return the control topic's records of all that is published."""
    publications = publish(definitions(), Published(), project(), START)
    return [record for publication in publications for record in publication.records]


@cache
def rules() -> Rules:
    """Return the rules that workers of this control topic go by."""
    published = Published()
    for key, value in control_records():
        published.apply(key, value)
    return Rules(published.compiled(workshop_of(project())))
