"""Text that grows in a notebook, as Jupyter's own client sees it: displays that are updated in place, and an interrupt
that keeps what was made.
"""

import json
import shutil
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

LLAMA = Path(__file__).parents[2] / "fixtures/models/text/llama"
DEADLINE = 240


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """A tiny Llama with room for so many tokens that somebody can interrupt it."""
    folder = Path(shutil.copytree(LLAMA, tmp_path_factory.mktemp("models") / "endless"))
    config = json.loads((folder / "config.json").read_text())
    config["max_position_embeddings"] = 20_000
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="pelago", startup_timeout=DEADLINE)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel()


def run(client, code, hear=lambda kind, content: None):
    """Runs a cell; its reply, and what came for it, in order."""
    asked = client.execute(code)
    heard = []
    while True:
        message = client.get_iopub_msg(timeout=DEADLINE)
        if message["parent_header"].get("msg_id") != asked:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            break
        heard.append((kind, content))
        hear(kind, content)
    while True:
        reply = client.get_shell_msg(timeout=DEADLINE)
        if reply["parent_header"].get("msg_id") == asked:
            return reply["content"], heard


def grown(heard):
    """What the display that was drawn most often showed, one time after the other, and the kinds of its messages."""
    displays = {}
    for kind, content in heard:
        if kind not in ("display_data", "update_display_data") or "text/plain" not in content["data"]:
            continue
        name = content["transient"].get("display_id")
        displays.setdefault(name, []).append((kind, content["data"]["text/plain"]))
    shown = max(displays.values(), key=len)
    return [kind for kind, _ in shown], [text for _, text in shown]


def test_text_grows_in_one_place(kernel, endless):
    _, client = kernel
    code = f'generate("{endless}", "The river").max_new_tokens(400).platform(Wasm).run()?'
    # The first time shows how the browser is opened, too.
    run(client, code)
    reply, heard = run(client, code)
    assert reply["status"] == "ok", reply
    kinds, shown = grown(heard)
    assert kinds[0] == "display_data" and set(kinds[1:]) == {"update_display_data"}, kinds
    assert len(shown) >= 3, "it came in one piece"
    # The last one has the report with it.
    for before, after in zip(shown[:-1], shown[1:-1]):
        assert after.startswith(before), (before, after)
    assert "1 text of 400 tokens" in shown[-1]


def test_a_stream_is_printed_as_it_comes(kernel, endless):
    _, client = kernel
    code = (
        f'for part in generate("{endless}", "The river").max_new_tokens(40).platform(Wasm).stream()? '
        '{ print!("{}", part?.text) }'
    )
    reply, heard = run(client, code)
    assert reply["status"] == "ok", reply
    pieces = [content["text"] for kind, content in heard if kind == "stream" and content["name"] == "stdout"]
    assert len("".join(pieces)) > 40


def test_an_interrupt_keeps_what_was_made(kernel, endless):
    manager, client = kernel
    began = []

    def interrupt(kind, content):
        if kind == "update_display_data" and not began:
            began.append(time.monotonic())
            manager.interrupt_kernel()

    code = f'let run = generate("{endless}", "The river").max_new_tokens(15000).platform(Wasm).run()?; run.output().text().len()'
    reply, heard = run(client, code, interrupt)
    assert began, "it was never shown to grow"
    assert reply["status"] == "ok", reply
    made = next(content["data"]["text/plain"] for kind, content in heard if kind == "execute_result")
    assert 0 < int(made), heard
    reply, heard = run(client, "run.report().generation.as_ref().map(|made| made.stop.clone())")
    assert reply["status"] == "ok", reply
    assert "Interrupted" in json.dumps([content for _, content in heard]), heard
    reply, heard = run(client, "1 + 1")
    assert reply["status"] == "ok"
