"""Kafka that asks who we are: every way in works for the whole of journeystream, and who is
refused hears why.

The broker is Apache Kafka with a certificate of an authority that is made for the run. Tokens are
signed JWTs from an https endpoint of the tests, and the broker checks their signature, their issuer
and for whom they are.
"""  # noqa: D205  one sentence

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from tests.brokers import BrokerMissingError
from tests.brokers.secured import PASSWORDS, SecuredBroker, secured_broker
from tests.integration.hello import HELLO
from tests.integration.waiting import PATIENCE, wait_until
from tests.integration.world import World

SIGNED_UP = {
    "type": "track",
    "event": "Signed Up",
    "userId": "u1",
    "timestamp": "2026-01-01T00:00:00Z",
}
_EVERYTHING = ("t", "READ", "WRITE", "CREATE", "DESCRIBE_CONFIGS")
Come = Callable[..., None]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """Run the broker; `worker` has all rights that the project's files ask for."""
    try:
        with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
            broker.allow("worker", "TOPIC", *_EVERYTHING)
            broker.allow("worker", "GROUP", "t", "READ")
            broker.allow("worker", "TRANSACTIONAL_ID", "t", "WRITE")
            yield broker
    except BrokerMissingError as error:
        pytest.skip(f"needs Apache Kafka on the local JDK: {error}")


@pytest.fixture
def come(secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Come:
    """Say how this test's commands and workers reach Kafka, by environment variables."""
    secured.authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def come(address: str, **settings: str) -> None:
        monkeypatch.setenv("JOURNEYSTREAM_KAFKA__BOOTSTRAP", address)
        for name, text in {"protocol": "sasl_tls", "ca_file": "ca.pem", **settings}.items():
            variable = f"JOURNEYSTREAM_KAFKA__SECURITY__{name.upper()}"
            monkeypatch.setenv(variable, text)

    return come


def by_password(come: Come, broker: SecuredBroker, mechanism: str, user: str = "worker") -> None:
    """Come by a password from the environment."""
    come(broker.sasl, mechanism=mechanism, username=user, password=PASSWORDS[user])


def _plain(come: Come, broker: SecuredBroker, _: Path) -> None:
    by_password(come, broker, "PLAIN")


def _scram_256(come: Come, broker: SecuredBroker, _: Path) -> None:
    by_password(come, broker, "SCRAM-SHA-256")


def _scram_512(come: Come, broker: SecuredBroker, directory: Path) -> None:
    (directory / "password").write_text(f"{PASSWORDS['worker']}\n")
    come(broker.sasl, mechanism="SCRAM-SHA-512", username="worker", password_file="password")  # noqa: S106  a file's name


def _endpoint(come: Come, broker: SecuredBroker, _: Path) -> None:
    come(
        broker.sasl,
        mechanism="OAUTHBEARER",
        oauth__token_endpoint=broker.endpoint.url,
        oauth__ca_file="ca.pem",
        oauth__client_id=broker.endpoint.client_id,
        oauth__client_secret=broker.endpoint.secret,
    )


def _token_file(come: Come, broker: SecuredBroker, directory: Path) -> None:
    (directory / "token").write_text(broker.endpoint.token())
    come(broker.sasl, mechanism="OAUTHBEARER", oauth__token_file="token")  # noqa: S106  a file's name


def _certificate(come: Come, broker: SecuredBroker, directory: Path) -> None:
    mine = broker.authority.issue_cert("anywhere", common_name="worker")
    mine.cert_chain_pems[0].write_to_path(directory / "me.pem")
    mine.private_key_pem.write_to_path(directory / "me.key")
    come(broker.mutual, protocol="tls", certificate_file="me.pem", key_file="me.key")


@pytest.mark.parametrize(
    "way", [_plain, _scram_256, _scram_512, _endpoint, _token_file, _certificate]
)
def test_an_event_comes_in_and_entered_goes_out(
    way: Callable[[Come, SecuredBroker, Path], None],
    come: Come,
    secured: SecuredBroker,
    tmp_path: Path,
) -> None:
    """Topics, publish, run and tail work by each way in, and none of them tells a secret."""
    way(come, secured, tmp_path)
    world = World(tmp_path, secured.plain)
    world.publish(HELLO)
    with world.worker() as worker:
        wait_until(worker.holds_all, "the partitions")
        world.produce([SIGNED_UP])
        world.settle()
    told = world.cli("tail", "email", "--json")
    assert '"event":"Audience Entered"' in told
    assert '"key":"u1"' in told
    assert [each.key for each in world.received("email")] == ["u1"]
    tokens = (*secured.endpoint.tokens, secured.endpoint.secret)
    for secret in (*PASSWORDS.values(), *tokens, "BEGIN"):
        assert secret not in worker.log + told


def test_sessions_end_and_nothing_is_lost(
    come: Come, secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka ends each connection when its token has ended; a worker comes again with a new one."""
    monkeypatch.setattr(secured.endpoint, "seconds", 5.0)
    _endpoint(come, secured, tmp_path)
    world = World(tmp_path, secured.plain, live=True)
    world.publish(HELLO)
    with world.worker() as worker:
        wait_until(worker.holds_all, "the partitions")
        before, users = len(secured.endpoint.tokens), 0
        while len(secured.endpoint.tokens) < before + 4:
            users += 1
            world.produce([{"type": "track", "event": "Signed Up", "userId": f"u{users}"}])
            world.settle()
    assert sorted(each.key for each in world.received("email")) == sorted(
        f"u{number}" for number in range(1, users + 1)
    )


@pytest.fixture
def world(secured: SecuredBroker, tmp_path: Path, come: Come) -> World:
    """Make a world whose topics are there."""
    by_password(come, secured, "PLAIN")
    return World(tmp_path, secured.plain)


def refused(world: World, *words: str | Path) -> str:
    """Return what a command says that is refused: an operator has to act."""
    done = subprocess.run(
        [sys.executable, "-m", "journeystream", "-p", world.file, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 1, done.stderr
    for secret in (*PASSWORDS.values(), "another-secret"):
        assert secret not in done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_wrong_password_is_told(
    mechanism: str, world: World, come: Come, secured: SecuredBroker
) -> None:
    """Who is not let in hears as whom they came, from commands and from a worker."""
    come(secured.sasl, mechanism=mechanism, username="worker", password="another-secret")  # noqa: S106  nobody's
    for command in ("topics", "run"):
        told = refused(world, command)
        assert f"kafka.security: the broker at {secured.sasl} does not let worker in" in told


def test_an_authority_that_did_not_sign_is_told(
    world: World, secured: SecuredBroker, tmp_path: Path
) -> None:
    """A broker that is not whom we trust gets no password."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    told = refused(world, "topics")
    assert f"kafka.security.ca_file: the certificate of the broker at {secured.sasl}" in told
    assert "is not trusted" in told


def test_a_token_that_is_refused_is_told(world: World, come: Come, secured: SecuredBroker) -> None:
    """The endpoint's refusal is what a command tells, not that Kafka would not answer."""
    _endpoint(come, secured, world.directory)
    come(secured.sasl, username="", password="", oauth__client_secret="another-secret")  # noqa: S106  nobody's
    assert "gives no token to 'worker' (HTTP 401, invalid_client)" in refused(world, "topics")


def test_a_token_of_somebody_else_is_told(world: World, come: Come, secured: SecuredBroker) -> None:
    """A token whose signature is not the issuer's opens nothing."""
    head, claims, signature = secured.endpoint.token().split(".")
    forged = ".".join((head, claims, signature[::-1]))
    (world.directory / "token").write_text(forged)
    come(secured.sasl, username="", password="", mechanism="OAUTHBEARER", oauth__token_file="token")  # noqa: S106  a file's name
    told = refused(world, "topics")
    assert f"kafka.security: the broker at {secured.sasl} does not let" in told
    assert forged not in told


def test_a_port_that_speaks_otherwise_is_told(
    world: World, come: Come, secured: SecuredBroker
) -> None:
    """TLS at a port without it, nothing at one with it, and no certificate where one is asked."""
    come(secured.plain)
    ends = "the broker at {} ends the connection"
    assert ends.format(secured.plain) in refused(world, "topics")
    nothing = {"ca_file": "", "mechanism": "", "username": "", "password": ""}
    come(secured.sasl, protocol="plaintext", **nothing)
    assert ends.format(secured.sasl) in refused(world, "topics")
    come(secured.sasl, protocol="tls", mechanism="", username="", password="")
    assert ends.format(secured.sasl) in refused(world, "topics")


def test_who_may_do_nothing_is_told(world: World, come: Come, secured: SecuredBroker) -> None:
    """Without rights nothing is seen; with those to read, what is written is refused by name."""
    journey = world.directory / "hello.yaml"
    journey.write_text(HELLO)
    by_password(come, secured, "SCRAM-SHA-256", "guest")
    done = subprocess.run(
        [sys.executable, "-m", "journeystream", "-p", world.file, "publish", journey],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert f"Kafka has no topic {world.app}.control that guest may see" in done.stderr
    secured.allow("guest", "TOPIC", world.app, "READ")
    told = refused(world, "publish", journey)
    assert "Kafka does not allow that" in told
    assert f"{world.app}.control" in told
    told = refused(world, "run")
    assert "Kafka does not allow that" in told
    assert world.app in told


def test_the_documented_rights_are_enough_and_needed(
    world: World, come: Come, secured: SecuredBroker
) -> None:
    """A worker with the rights of docs/operating.md and no others works; without one it says so."""
    world.publish(HELLO)
    by_password(come, secured, "SCRAM-SHA-512", "guest")
    app = world.app
    secured.allow("guest", "TOPIC", f"{app}.", "READ", "WRITE")
    secured.allow("guest", "TOPIC", world.source, "READ")
    secured.allow("guest", "GROUP", app, "READ")
    for destination in ("email", "in_app", "support", "crm", "facebook_ads", "google_ads", "ads"):
        secured.allow("guest", "TOPIC", world.topic_of(destination), "WRITE")
    told = refused(world, "run")
    assert "Kafka does not allow that" in told
    assert "ransactional" in told
    secured.allow("guest", "TRANSACTIONAL_ID", app, "WRITE")
    with world.worker() as worker:
        wait_until(worker.holds_all, "the partitions")
        world.produce([SIGNED_UP])
        world.settle()
    assert [each.key for each in world.received("email")] == ["u1"]
