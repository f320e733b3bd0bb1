"""The rules that the transports share: what is judged without a network."""

from __future__ import annotations

import pytest

from fleet.states import State
from pollers.target import Login, Target
from pollers.transports.answers import Answers
from pollers.transports.base import STAGES
from pollers.transports.frames import LIMIT, OUTPUT, BadFrame, Frames, frame
from pollers.transports.greeting import GREETING_LIMIT, Greeting, Verdict
from pollers.transports.hostkeys import key_types, refusal, shown_key, signature_algorithms
from pollers.transports.stages import Stopwatch, timed_out

BLOB = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x04\x01\x02\x03\x04"


def target(*keys: str, accept: bool = False) -> Target:
    return Target(1, "1", "", "", 22, None, keys, accept)


# When the time is up


@pytest.mark.parametrize(
    ("done", "code", "state"),
    [
        (0, "DNS_FAIL", State.UNKNOWN),
        (1, "TCP_TIMEOUT", State.DOWN),
        (2, "TCP_TIMEOUT", State.DOWN),
        (3, "PROBE_TIMEOUT", State.BLOCKED),
        (4, "PROBE_TIMEOUT", State.BLOCKED),
        (5, "PROBE_TIMEOUT", State.BLOCKED),
    ],
)
def test_a_timeout_is_named_by_its_stage(done: int, code: str, state: State) -> None:
    failure = timed_out(STAGES[:done])
    assert (failure.code.name, failure.state) == (code, state)
    assert failure.stage == (*STAGES, "channel")[done]
    assert failure.detail.startswith(failure.stage)


def test_a_stage_is_reported_once() -> None:
    seen: list[str] = []
    stopwatch = Stopwatch(lambda stage, seconds: seen.append(stage))
    for stage in ("host_key", "login", "host_key"):
        stopwatch.done(stage)
    assert seen == ["host_key", "login"]


# Who answers


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", Verdict.SSH),
        (b"welcome\r\nSSH-2.0-x\n\x00\x00", Verdict.SSH),
        (b"SSH-2.0-unfinished", Verdict.UNDECIDED),
        (b"", Verdict.UNDECIDED),
        (b"220 mail\r\n", Verdict.UNDECIDED),
        (b"HTTP/1.1 400 Bad Request\r\n", Verdict.FOREIGN),
        (b"x" * (GREETING_LIMIT + 1), Verdict.FOREIGN),
        (b"Exceeded MaxStartups\r\n", Verdict.BUSY),
        (b"Not allowed at this time\r\n", Verdict.BUSY),
    ],
)
def test_a_greeting_is_judged_in_any_pieces(said: bytes, verdict: Verdict) -> None:
    whole, pieces = Greeting(), Greeting()
    assert whole.feed(said) is verdict
    for index in range(0, len(said), 7):
        pieces.feed(said[index : index + 7])
    assert pieces.verdict is verdict
    assert whole.heard == bool(said)


# Host keys


def test_the_pinned_types_are_asked_for_first_and_no_sha1() -> None:
    assert key_types(["ssh-rsa AAAA comment"])[0] == "ssh-rsa"
    assert len(key_types(["ssh-rsa AAAA", "", "strange-type AAAA"])) == len(key_types([]))
    algorithms = signature_algorithms(["ssh-rsa AAAA"])
    assert algorithms[:2] == ["rsa-sha2-512", "rsa-sha2-256"]
    assert "ssh-rsa" not in algorithms


def test_a_key_is_judged_by_its_bytes() -> None:
    shown = shown_key(BLOB)
    assert shown.algorithm == "ssh-ed25519"
    assert shown.fingerprint.startswith("SHA256:")
    assert len(shown.fingerprint) == 7 + 43
    assert refusal(target(shown.public + " a comment"), shown) is None
    assert refusal(target(accept=True), shown) is None
    unknown = refusal(target(), shown)
    changed = refusal(target("ssh-ed25519 AAAA", accept=True), shown)
    assert unknown is not None
    assert changed is not None
    assert (unknown.code.name, changed.code.name) == ("HOSTKEY_UNKNOWN", "HOSTKEY_CHANGED")
    assert changed.shown_key == shown


# Answers


@pytest.mark.parametrize(
    "prompt",
    ["Password:", "password: ", "(root@db1) Password: ", "root's password: ", "Password for a@b:"],
)
def test_a_plain_prompt_gets_the_password_once(prompt: str) -> None:
    answers = Answers(Login("root", "s3cret"))
    assert answers.answer([(prompt, False)]) == ["s3cret"]
    assert answers.answer([(prompt, False)]) is None
    assert answers.failure().code.name == "AUTH_FAILED"


@pytest.mark.parametrize(
    "prompt",
    [
        "Password + OTP:",
        "New password:",
        "Password of your token:",
        "Enter passphrase:",
        "password",
        "Passwort:",
        "One-time password:",
        "",
    ],
)
def test_no_other_prompt_does(prompt: str) -> None:
    answers = Answers(Login("root", "s3cret"))
    assert answers.answer([(prompt, False)]) is None
    assert answers.answer([("Password:", True)]) is None
    assert answers.answer([("Password:", False), ("Password:", False)]) is None
    assert answers.failure().code.name == "AUTH_NEEDS_INTERACTIVE"


def test_a_text_without_a_question_is_passed_over() -> None:
    assert Answers(Login("root", "s3cret")).answer([]) == []


def test_no_failure_tells_a_secret() -> None:
    login = Login("root", "s3cret", "k3y", "phr4se")
    answers = Answers(login)
    answers.refused.append("key")
    text = f"{answers.failure()} {login!r}"
    assert not any(secret in text for secret in ("s3cret", "k3y", "phr4se"))


# Frames


def test_frames_survive_any_cut() -> None:
    bodies = [b"", b"a", bytes(1000)]
    data = b"".join(frame(OUTPUT, body) for body in bodies)
    for step in (1, 3, 5, 6, 4096):
        frames = Frames()
        got = [one for at in range(0, len(data), step) for one in frames.feed(data[at : at + step])]
        assert got == [(OUTPUT, body) for body in bodies]


def test_a_frame_has_a_limit() -> None:
    with pytest.raises(BadFrame):
        list(Frames().feed((LIMIT + 1).to_bytes(4, "big") + OUTPUT))
