"""What is done on a page before its connection is ready arrives in the order in which it was done."""

from __future__ import annotations

from agg_support import Web, log_in
from auth.test_staff import add
from playwright.sync_api import Page

TYPED_BEFORE_CONNECTION = """async (field) => {
    const arrived = [], socket = window.socket, emit = socket.emit.bind(socket);
    socket.emit = (kind, event) => kind === "event" && typeof event.args?.[0] === "string"
        ? arrived.push(JSON.parse(event.args[0])) : emit(kind, event);
    window.did_handshake = false;
    for (let i = 0; i < 40; i++) {
        field.value = String(i);
        field.dispatchEvent(new Event("input"));
        await new Promise((done) => setTimeout(done, 3 + i % 5));
    }
    window.did_handshake = true;
    field.value = "last";
    field.dispatchEvent(new Event("input"));
    await new Promise((done) => setTimeout(done, 100));
    socket.emit = emit;
    return arrived;
}"""


def test_text_typed_before_the_connection_arrives_in_order(web: Web, page: Page) -> None:
    log_in(web, page, add(web, "auditor"), path="/record")
    field = page.get_by_test_id("record-who")
    arrived = field.evaluate(TYPED_BEFORE_CONNECTION)
    assert arrived == [*map(str, range(40)), "last"]
