"""`manage.py probe --show` prints exactly what is sent."""

from __future__ import annotations

from hashlib import sha256
from io import StringIO

from django.core.management import call_command

from pollers.probe import bundle
from pollers.probe.conversation import Conversation
from tests.pollers.probe.conftest import INTERPRETERS
from tests.pollers.probe.shell_session import with_interpreter, without_python


def shown(**options) -> str:
    out = StringIO()
    call_command("probe", stdout=out, **options)
    return out.getvalue()


def test_it_prints_every_text_with_its_sum():
    text = shown(show=True)
    for _, name, data in bundle.everything():
        assert sha256(data).hexdigest() in text
        if name != "psutil":
            assert data.decode() in text
    for module, source in bundle.psutil_sources().items():
        assert f"{module}: {len(source)} bytes, SHA-256 {sha256(source).hexdigest()}" in text


def test_without_show_it_prints_the_sums_only():
    text = shown(show=False)
    assert sha256(bundle.program()).hexdigest() in text
    assert "def collect" not in text


async def test_what_is_sent_is_what_is_shown(shell_session):
    told = {name: data for _, name, data in bundle.everything()}
    python = shell_session(edit=with_interpreter(INTERPRETERS[0]))
    conversation = await Conversation.open(python)
    sent = bytes(python.channels[-1].sent)
    assert sent.startswith(bundle.parcel(told["program"]))
    rest = sent[len(bundle.parcel(told["program"])) :]
    assert rest in (b"", bundle.parcel(told["psutil"]))
    conversation.close()
    shell = shell_session(edit=without_python())
    await Conversation.open(shell)
    sent = bytes(shell.channels[-1].sent)
    assert sent == told["loader"] + bundle.shell_parcel(told["script"])
