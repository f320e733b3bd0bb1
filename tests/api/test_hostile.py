"""Whatever is sent ends as a clear answer: 2xx or 4xx, as JSON, and never as a crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.models import Host
from tests.api.conftest import client_for
from tests.api.test_rights import EDIT, NEW

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HOSTILE = {
    "nan": b'{"%s": NaN}',
    "infinity": b'{"%s": Infinity}',
    "minus infinity": b'{"%s": -Infinity}',
    "a float too large": b'{"%s": 1e400}',
    "an integer too large": b'{"%s": 9223372036854775808}',
    "five thousand digits": b'{"%s": ' + b"9" * 5000 + b"}",
    "a nul": b'{"%s": "a\\u0000b"}',
    "a lone surrogate": b'{"%s": "a\\ud800b"}',
    "a nul in a name": b'{"%s": {"a\\u0000": "b"}}',
    "twice": b'{"%s": 1, "%s": 2}',
    "twice inside": b'{"%s": {"a": 1, "a": 2}}',
    "deep": b'{"%s": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deeper than allowed": b'{"%s": ' + b"[" * 40 + b"]" * 40 + b"}",
    "deep objects": b'{"%s": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "no json": b"{%s",
    "empty": b"",
    "not utf-8": b'{"%s": "\xff"}',
    "utf-16": '{"x": 1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"%s": 1}',
    "a list": b'["%s"]',
    "null": b"null",
    "true": b"true",
    "a number": b"5",
    "a text": b'"%s"',
    "too long": b'{"%s": "' + b"x" * 1_100_000 + b'"}',
    "a hundred thousand names": b"{" + b",".join(b'"k%d": 1' % n for n in range(70_000)) + b"}",
}


@pytest.fixture
def places(web, credential, as_alice):
    """(method, path, a field) of every address that takes a body."""
    rule = as_alice.get("/api/v1/rules/").json()["results"][0]["id"]
    tag = as_alice.get("/api/v1/tags/").json()["results"][0]["id"]
    pks = {"hosts": web.pk, "credentials": credential.pk, "rules": rule, "tags": tag}
    return [
        *(("POST", f"/api/v1/{name}/", field) for name, body in NEW.items() for field in body),
        *(
            ("PATCH", f"/api/v1/{name}/{pks[name]}/", field)
            for name, body in EDIT.items()
            for field in body
        ),
    ]


def send(client, method: str, path: str, body: bytes):
    return client.generic(method, path, data=body, content_type="application/json")


def rows() -> int:
    return Host.objects.count()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_json_is_refused_with_a_sentence_everywhere(as_alice, places, name):
    for method, path, field in places:
        body = HOSTILE[name].replace(b"%s", field.encode())
        answer = send(as_alice, method, path, body)
        # An empty body of a PATCH asks for no change; that is no mistake.
        expected = (200, 400) if name == "empty" and method == "PATCH" else (400,)
        assert answer.status_code in expected, (method, path, answer.content[:300])
        assert answer["Content-Type"] == "application/json"
        text = answer.content.decode()
        assert answer.json()
        assert len(text) < 3000, "the answer does not grow with the question"
        assert "Traceback" not in text


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""])  # fmt: skip
def test_other_content_is_415(as_alice, content_type):
    answer = as_alice.generic("POST", "/api/v1/tags/", data=b"name=x", content_type=content_type)
    assert answer.status_code in (400, 415)


def test_the_error_of_wrong_json_says_where(as_alice):
    answer = send(as_alice, "POST", "/api/v1/tags/", b'{"name": }')
    assert "line 1" in answer.json()["detail"]


def test_what_is_not_understood_is_not_done(as_alice, web):
    before = rows()
    send(as_alice, "POST", "/api/v1/hosts/", b'{"address": "192.0.2.1", "address": "192.0.2.2"}')
    send(as_alice, "POST", "/api/v1/hosts/", b'{"address": "192.0.2.1", "intervall": 5}')
    assert rows() == before


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "192.0.2.9", "local", ">", "cpu_percent", "filesystem_percent", "x" * 5000, "\x00", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
FIELDS = [
    "id", "name", "address", "port", "credential", "tags", "enabled", "interval_seconds", "accept_host_key",
    "username", "password", "private_key", "passphrase", "kind", "metric", "labels", "op", "warning", "critical",
    "for_seconds", "clear", "state", "latest", "transport", "colour",
]  # fmt: skip


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_any_document_gets_an_answer(as_alice, places, data):
    method, path, _ = data.draw(st.sampled_from(places))
    base: dict[str, Any] = NEW[path.split("/")[3]] if method == "POST" else {}
    document = base | data.draw(st.dictionaries(st.sampled_from(FIELDS), values, max_size=4))
    answer = send(as_alice, method, path, json.dumps(document).encode())
    assert answer.status_code in (200, 201, 400), (path, document, answer.content)
    assert answer["Content-Type"] == "application/json"
    if answer.status_code < 300:
        again = as_alice.get(path)
        assert again.status_code == 200


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(query=st.dictionaries(
    st.sampled_from(["metric", "from", "to", "points", "mount", "state", "tag", "search", "page", "page_size", "host", "credential", "format"])
    | st.text(max_size=5),
    st.text(max_size=12) | st.sampled_from(["cpu_percent", "up", "-1", "1e9", "json", "api", "9" * 400]),
    max_size=4,
))  # fmt: skip
def test_any_question_gets_an_answer(as_alice, web, query):
    for path in ("hosts/", f"hosts/{web.pk}/series/", "alerts/", "events/", "credentials/"):
        answer = as_alice.get(f"/api/v1/{path}", query)
        assert answer.status_code in (200, 400, 404), (path, query, answer.content)


def test_the_schema_is_valid_and_names_every_address(as_alice, capsys):
    answer = as_alice.get("/api/v1/schema/?format=json")
    assert answer.status_code == 200
    document = json.loads(answer.content)
    validate_schema(document)
    for path in ("/api/v1/hosts/", "/api/v1/hosts/{id}/", "/api/v1/hosts/{id}/series/", "/api/v1/hosts/{id}/poll/",
                 "/api/v1/credentials/", "/api/v1/rules/", "/api/v1/alerts/", "/api/v1/events/", "/api/v1/tags/"):  # fmt: skip
        assert path in document["paths"], path
    properties = document["components"]["schemas"]["Credential"]["properties"]
    assert "password" not in properties or properties["password"].get("writeOnly")


def test_the_answers_are_json_only(alice, web):
    client = client_for(alice)
    for accept in ("text/html", "application/xml", "*/*"):
        answer = client.get("/api/v1/hosts/", HTTP_ACCEPT=accept)
        assert answer.status_code in (200, 406)
        assert "html" not in answer["Content-Type"]
