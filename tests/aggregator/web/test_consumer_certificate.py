"""A consumer's client certificate: set by one administrator, and needed beside the token, through a trusted proxy."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import secrets
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from agg_support import Web, add_staff, log_in, plain_client
from messaging.test_tls import certificates
from playwright.sync_api import Page, expect
from web.test_consumers_web import decide, request

from aggregator.auth.client_address import Address, Clients

TRUSTED = "127.0.0.2"
DER = secrets.token_bytes(700)
HEADER = {"Client-Cert": f":{base64.b64encode(DER).decode()}:"}
FINGERPRINT = hashlib.sha256(DER).hexdigest()


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address of this machine than that of the tests' clients is a trusted proxy's."""

    def trusted(_: Clients, address: Address | None) -> bool:
        return str(address) == TRUSTED

    monkeypatch.setattr(Clients, "_trusted", trusted)


class Consumer:
    """An approved consumer with a token, and the administrator who requested it."""

    def __init__(self, web: Web) -> None:
        self.name = add_staff(web, "admin")
        with web.logged_in(self.name) as admin, web.logged_in(add_staff(web, "admin")) as other:
            made = request(admin)
            decide(other, made, "approved")
            self.id, self.title = made["id"], made["name"]
            self.token = admin.post(f"/api/consumers/{self.id}/token").json()["token"]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def change(self, web: Web, method: str, fingerprint: str | None = None) -> httpx2.Response:
        """Set or remove the certificate."""
        with web.logged_in(self.name) as admin:
            body = None if fingerprint is None else {"fingerprint": fingerprint}
            return admin.request(method, f"/api/consumers/{self.id}/certificate", json=body)


@pytest.fixture
def consumer(web: Web) -> Consumer:
    return Consumer(web)


def from_proxy(web: Web, **headers: str) -> httpx2.Client:
    """A client whose requests come from the trusted proxy; each has another client behind it."""
    behind = f"10.9.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
    transport = httpx2.HTTPTransport(local_address=TRUSTED, verify=False)
    return plain_client(web.url, headers | {"X-Forwarded-For": behind}, transport=transport)


def test_one_administrator_requires_a_certificate_and_removes_it(web: Web, consumer: Consumer) -> None:
    printed = ":".join(FINGERPRINT[at : at + 2] for at in range(0, 64, 2)).upper()
    assert consumer.change(web, "PUT", printed).json() == {"id": consumer.id, "certificate": FINGERPRINT}
    with web.logged_in() as admin, from_proxy(web, **consumer.headers) as client:
        shown = {it["id"]: it["certificate"] for it in admin.get("/api/consumers").json()["consumers"]}
        assert shown[consumer.id] == FINGERPRINT
        assert client.get("/api/catalogue").status_code == 401
        assert consumer.change(web, "DELETE").json()["certificate"] is None
        assert client.get("/api/catalogue").status_code == 200
    changes = [it for it in web.audit_entries() if it.detail.get("consumer") == consumer.id][-2:]
    assert [it.detail["change"] for it in changes] == ["certificate set", "certificate removed"]
    assert (changes[0].who, changes[0].detail["certificate"]) == (consumer.name, FINGERPRINT)


def test_what_is_no_fingerprint_is_refused_and_other_sites_reach_nothing(web: Web, consumer: Consumer) -> None:
    refused = consumer.change(web, "PUT", "5f")
    assert (refused.status_code, refused.json()["error"][:30]) == (422, "fingerprint: write the SHA-256")
    with web.logged_in(add_staff(web, "admin@harbour")) as other:
        path = f"/api/consumers/{consumer.id}/certificate"
        assert other.put(path, json={"fingerprint": FINGERPRINT}).status_code == 422
        assert other.delete(path).status_code == 422
    with web.logged_in(add_staff(web, "monitor")) as other:
        assert other.delete(path).status_code == 403


def test_the_token_alone_opens_nothing_any_more(web: Web, consumer: Consumer) -> None:
    consumer.change(web, "PUT", FINGERPRINT)
    another = {"Client-Cert": f":{base64.b64encode(DER[1:]).decode()}:"}
    with from_proxy(web, **consumer.headers) as client, plain_client(web.url, consumer.headers) as direct:
        for headers, words in (
            ({}, "must show"),
            (another, "not the client certificate"),
            ({"Client-Cert": "x"}, "9440"),
        ):
            answer = client.get("/api/feed", headers=headers)
            assert answer.status_code == 401
            assert words in answer.json()["error"]
        assert client.get("/api/feed", headers=HEADER).status_code == 200
        made_up = direct.get("/api/feed", headers=HEADER | {"X-Forwarded-For": TRUSTED})
        assert made_up.status_code == 401, "whoever is no trusted proxy may not say which certificate it has"
        assert "must show" in made_up.json()["error"]


def test_wrong_certificates_are_counted_like_wrong_tokens(web: Web, consumer: Consumer) -> None:
    consumer.change(web, "PUT", FINGERPRINT)
    with from_proxy(web, **consumer.headers) as client:
        found = {client.get("/api/feed").status_code for _ in range(60)}
        assert found == {401, 429}
        assert client.get("/api/feed", headers=HEADER).status_code == 200


def test_a_stream_ends_when_the_certificate_or_the_token_is_replaced(web: Web, consumer: Consumer) -> None:
    with from_proxy(web, **consumer.headers) as client:
        for change in ("certificate", "token"):
            with client.stream("GET", "/api/feed/stream", headers=HEADER) as answer:
                assert answer.status_code == 200
                lines = answer.iter_lines()
                next(lines)
                if change == "certificate":
                    consumer.change(web, "PUT", FINGERPRINT)
                else:
                    with web.logged_in() as admin:
                        admin.post(f"/api/consumers/{consumer.id}/token")
                assert not [it for it in lines if it.startswith("data")]


@contextlib.contextmanager
def tls_proxy(web: Web, folder: Path) -> Iterator[int]:
    """A proxy that asks for client certificates and hands them on (RFC 9440); its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            kept = [
                it for it in head.split(b"\r\n") if it and not it.lower().startswith((b"client-cert:", b"connection:"))
            ]
            if der := writer.get_extra_info("ssl_object").getpeercert(binary_form=True):
                kept.append(b"Client-Cert: :" + base64.b64encode(der) + b":")
            address = (TRUSTED, 0)
            behind, on = await asyncio.open_connection("127.0.0.1", int(web.url.rpartition(":")[2]), local_addr=address)
            with contextlib.closing(on):
                on.write(b"\r\n".join([*kept, b"Connection: close", b"", b""]))
                writer.write(await behind.read())
                await writer.drain()

    async def run() -> None:
        made = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port.append(made.sockets[0].getsockname()[1])
        async with made:
            started.set()
            await stop.wait()

    port: list[int] = []
    started, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert started.wait(20)
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def test_a_certificate_that_was_shown_to_a_tls_proxy_opens_the_feed(
    web: Web, consumer: Consumer, tmp_path: Path
) -> None:
    certificates(tmp_path)
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "aggregator.pem").read_text())
    consumer.change(web, "PUT", hashlib.sha256(der).hexdigest())
    forged = {"Client-Cert": f":{base64.b64encode(der).decode()}:"}
    with tls_proxy(web, tmp_path) as port:
        for name, status in (("aggregator", 200), ("server", 401), ("", 401)):
            context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            context.check_hostname = False
            if name:
                context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
            with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=context, timeout=30) as client:
                assert client.get("/api/catalogue", headers=consumer.headers | forged).status_code == status


def test_the_page_requires_and_removes_a_certificate(web: Web, page: Page, consumer: Consumer) -> None:
    log_in(web, page, path="/consumers")
    row = page.get_by_test_id("consumer").filter(has_text=consumer.title)
    row.get_by_test_id("open-certificate").click()
    page.get_by_test_id("certificate-fingerprint").fill("5f")
    page.get_by_test_id("certificate-send").click()
    expect(page.get_by_test_id("wrong-fingerprint")).to_contain_text("64 hexadecimal digits")
    page.get_by_test_id("certificate-fingerprint").fill(FINGERPRINT)
    page.get_by_test_id("certificate-send").click()
    expect(row).to_contain_text("Client certificate required")
    row.get_by_test_id("open-certificate").click()
    expect(page.get_by_test_id("certificate-present")).to_have_text(FINGERPRINT)
    page.get_by_test_id("certificate-remove").click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("page-status")).to_contain_text("needs no certificate")
    expect(row).not_to_contain_text("Client certificate required")
