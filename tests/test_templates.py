"""The templates: they validate, they do what they say, and their examples walk every way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from journeystream.compiler import Workshop
from journeystream.control_log import Published
from journeystream.definitions import parse_definition, read_definitions
from journeystream.project import Project, load_project
from journeystream.publishing import check, publish, workshop_of
from journeystream.validation import Known, validate_audience
from journeystream.yaml_text import documents
from tests.cli.typing_commands import run
from tests.shipped import (
    AUDIENCES,
    PROJECT_FILE,
    TEMPLATES,
    audiences_in,
    journey_in,
    template,
)
from tests.ways_walked import unwalked

USE_CASES = {
    # Of a customer data platform.
    "early_access",
    "new_customer",
    "new_customer_split",
    "abandoned_cart",
    "birthday",
    "product_consideration",
    "cross_sell",
    "seasonal_campaign",
    "loyalty_tier_upgrade",
    "car_test_drive",
    "product_replenishment",
    "financial_services_welcome",
    # Of journeys that track and identify events drive.
    "cart_abandonment",
    "low_recency_winback",
    "onboarding",
    "paid_subscription_acquisition",
    "trial_to_paid",
    # Beside a decision engine.
    "loan_nurture",
    # Of a mobile engagement tool.
    "cart_inaction",
    "flight_reminder",
    "platinum_rider",
    "purchase_discount",
    "payment_reminder",
    # Of an omnichannel tool.
    "welcome_series",
}

each_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def project() -> Project:
    """Return the project that the templates fit in."""
    return load_project(PROJECT_FILE)


def workshop_for(path: Path, project: Project) -> Workshop:
    """Return what a template's journey is compiled with."""
    audiences = {each.id: each.condition for each in audiences_in(path)}
    return replace(workshop_of(project), audiences=audiences)


# ── they are right ────────────────────────────────────────────────────────────────────────


def test_every_use_case_has_its_template() -> None:
    """Each use case that the descriptions work out is a file, named like the journey in it."""
    assert {path.stem for path in TEMPLATES} == USE_CASES
    assert {journey_in(path).id for path in TEMPLATES} == USE_CASES


def test_templates_can_be_published_together(project: Project) -> None:
    """No two of them define the same id, or tell destinations the same key."""
    definitions = [each for path in TEMPLATES for each in read_definitions(path)]
    named = Counter(each.id for each in definitions)
    assert [id_ for id_, times in named.items() if times > 1] == []
    outcomes = {each.outcome for each in publish(definitions, Published(), project, now=1)}
    assert outcomes == {"audience published", "published as version 1"}


@each_template
def test_a_template_is_right_and_does_what_it_says(path: Path, project: Project) -> None:
    """All of it validates without even a warning, and what its examples expect is what happens."""
    audiences = {each.id: each.condition for each in audiences_in(path)}
    for each in read_definitions(path):
        assert check(each, audiences, project, {}) == []


@each_template
def test_a_template_tells_what_it_is_for_and_where_it_comes_from(path: Path) -> None:
    """Its description begins with one sentence that says what for, and ends with its source."""
    first, *_, last = journey_in(path).description.strip().splitlines()
    assert first.endswith(".")
    assert last.startswith("Source: ")


@pytest.mark.parametrize("path", AUDIENCES, ids=lambda path: path.stem)
def test_an_example_audience_has_no_problems(path: Path, project: Project) -> None:
    """An audience beside the project file of the examples validates."""
    known = Known([each.name for each in project.destinations], {}, project.limits)
    assert [validate_audience(each, known) for each in audiences_in(path)] == [[]]


# ── they are complete ─────────────────────────────────────────────────────────────────────


@each_template
def test_examples_walk_every_way(
    path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law for templates: every step, way out, goal and kind of exit is in an example."""
    assert unwalked(journey_in(path), workshop_for(path, project), monkeypatch) == set()


def test_an_example_that_misses_a_way_is_found_out(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The law above can fail: without its other examples, a journey has ways unwalked."""
    path = template("low_recency_winback")
    whole = journey_in(path)
    journey = whole.model_copy(update={"examples": whole.examples[:1]})
    assert unwalked(journey, workshop_for(path, project), monkeypatch) == {
        "way high_value.if_false.next",
        "way came_back.timeout.next",
        "way remind.next",
        "step remind",
        "step not_interested",
        "exit exit_condition: ordered",
        "exit exit_step: Not interested",
    }


def test_each_side_of_a_percent_split_is_a_way_of_its_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chance that no example's user drew is found out too."""
    path = template("early_access")
    whole = journey_in(path)
    shorter = [each for each in whole.examples if "without a promotion" not in each.name]
    assert len(shorter) == len(whole.examples) - 1
    journey = whole.model_copy(update={"examples": shorter})
    missing = unwalked(journey, workshop_for(path, project), monkeypatch)
    assert "way promotion.paths[1].next" in missing


# ── the command ───────────────────────────────────────────────────────────────────────────


def test_the_command_lists_them() -> None:
    """People get a line for each: its id, and the first line of what it says."""
    lines = run("templates").stdout.splitlines()
    assert lines[0] == "id\twhat it is for"
    assert {line.split("\t")[0] for line in lines[1:]} == USE_CASES
    birthday = journey_in(template("birthday")).description.splitlines()[0]
    assert f"birthday\t{birthday}" in lines


def test_programs_get_the_list_as_json() -> None:
    """--json tells each with its name, its whole description and the destinations it needs."""
    rows = {row["id"]: row for row in orjson.loads(run("templates", "--json").stdout)}
    assert set(rows) == USE_CASES
    journey = journey_in(template("cart_abandonment"))
    assert rows["cart_abandonment"] == {
        "id": "cart_abandonment",
        "name": journey.name,
        "description": journey.description,
        "destinations": ["email", "facebook_ads", "google_ads"],
    }
    assert orjson.loads(run("templates", "birthday", "--json").stdout) == [rows["birthday"]]


@each_template
def test_the_command_prints_one(path: Path) -> None:
    """What it prints is the file, comments and all, and so it can be redirected into one."""
    printed = run("templates", path.stem).stdout
    assert printed == path.read_text(encoding="utf-8")
    assert [parse_definition(each, "it") for each in documents(printed)] == read_definitions(path)


def test_an_unknown_template_is_refused() -> None:
    """The error says which one was meant, or all that there are; the exit code is 2."""
    result = run("templates", "birthdy")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "there is no template 'birthdy'; did you mean 'birthday'?\n"
    result = run("templates", "../demo/journeystream")
    assert result.exit_code == 2
    assert "known are: abandoned_cart, birthday, " in result.stderr
