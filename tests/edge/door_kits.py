"""Controllers for the tests, one kind each, over what the real ones use: a pty with a reader, HTTP, a broker."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx2
import paho.mqtt.client as mqtt
from agg_support import mosquitto
from edge_kit import wait_until
from onvif_server import OnvifServer
from paho.mqtt.enums import CallbackAPIVersion
from port_kit import free_port

from common.secret import Secret
from demo.osdp_reader import SimulatedReader
from edge.access.doors.adapters.webhook import sign
from edge.access.doors.credential_policy import Allowlist
from edge.access.doors.json_message_format import MAX_BODY_BYTES
from edge.settings.doors import Control, MqttDoor, OnvifDoor, OsdpDoor, SimulatedDoor, WebhookDoor

CARD = "04A2F1C3"
DOOR = "lobby"


class Kit(Protocol):
    """A controller that does what a person at the door would."""

    control: Control
    unlocks: bool

    def card(self) -> None:
        """Somebody whom the door lets in."""

    def contact(self, is_open: bool) -> None:
        """The door's contact."""

    def bad(self) -> None:
        """A message that cannot be used."""

    def estrange(self) -> None:
        """A wrong key, a clock an hour off, a message of long ago: whatever must not be believed."""

    def reconcile(self) -> None:
        """Undo that."""

    def cut(self) -> None:
        """The controller is lost."""

    def mend(self) -> None:
        """It is back."""

    def unlocked(self) -> bool:
        """The box has unlocked the door."""


class SimulatorKit:
    unlocks = True

    def __init__(self, folder: Path) -> None:
        self.control = SimulatedDoor(port=free_port())

    def post(self, body: bytes) -> int:
        """A button, as soon as the listener is there."""
        for _ in range(200):
            with contextlib.suppress(httpx2.ConnectError):
                return httpx2.post(
                    f"http://127.0.0.1:{self.control.port}/doors/{DOOR}", content=body, verify=False
                ).status_code
            time.sleep(0.02)
        raise AssertionError("the listener does not come up")

    def say(self, event: str, **more: str) -> None:
        assert self.post(json.dumps({"event": event, **more}).encode()) == 204

    def card(self) -> None:
        self.say("granted", credential=CARD)

    def contact(self, is_open: bool) -> None:
        self.say("opened" if is_open else "closed")

    def bad(self) -> None:
        assert self.post(b'{"event": "granted", "credential": ["' + CARD.encode() + b'"]}') == 400
        assert self.post(b"x" * (MAX_BODY_BYTES + 1)) == 413

    def estrange(self) -> None:
        assert self.post(b'{"event": "levitated"}') == 400

    def reconcile(self) -> None:
        pass

    def cut(self) -> None:
        self.say("offline")

    def mend(self) -> None:
        self.say("online")

    def unlocked(self) -> bool:
        return True  # it only remembers; tests/edge/access/doors/test_doors_osdp.py sees a real output


class WebhookKit(SimulatorKit):
    unlocks = False

    def __init__(self, folder: Path) -> None:
        self.key, self.off_s = secrets.token_bytes(16), 0.0
        (folder / "hook.key").write_text(self.key.hex())
        self.control = WebhookDoor(key_file="hook.key", port=free_port())  # type: ignore[assignment]

    def request(self, body: bytes) -> dict[str, str]:
        """A good request's headers."""
        time_, nonce = f"{time.time() + self.off_s:.3f}", secrets.token_hex(12)
        signature = sign(self.key, f"/doors/{DOOR}", time_, nonce, body)
        return {"X-Paifang-Time": time_, "X-Paifang-Nonce": nonce, "X-Paifang-Signature": signature}

    def send(self, body: bytes, headers: dict[str, str]) -> int:
        for _ in range(200):
            with contextlib.suppress(httpx2.ConnectError):
                url = f"http://127.0.0.1:{self.control.port}/doors/{DOOR}"
                return httpx2.post(url, content=body, headers=headers, verify=False).status_code
            time.sleep(0.02)
        raise AssertionError("the listener does not come up")

    def post(self, body: bytes) -> int:
        return self.send(body, self.request(body))

    def estrange(self) -> None:
        self.off_s = 3600
        assert self.post(b'{"event": "opened"}') == 409

    def reconcile(self) -> None:
        self.off_s = 0
        self.say("online")


class MqttKit:
    unlocks = True

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder / "broker", free_port()
        self._broker: Any = None
        words = {"ACCESS_OK": "granted", "DOOR_UP": "opened", "DOOR_SHUT": "closed"}
        self.control = MqttDoor(
            host="127.0.0.1",
            port=self._port,
            topic="plant/door/7",
            words=words,  # type: ignore[arg-type]
            event_field="body.kind",
            credential_field="body.card",
            time_field="at",
            unlock_topic="plant/door/7/do",
        )
        self.heard: list[bytes] = []
        self.mend()

    def publish(self, payload: bytes) -> None:
        self._client.publish(self.control.topic, payload, qos=1).wait_for_publish(10)

    def say(self, kind: str, at_s: float | None = None, **more: str) -> None:
        at_s = time.time() if at_s is None else at_s
        self.publish(json.dumps({"at": at_s, "body": {"kind": kind, **more}}).encode())

    def card(self) -> None:
        self.say("ACCESS_OK", card=CARD)

    def contact(self, is_open: bool) -> None:
        self.say("DOOR_UP" if is_open else "DOOR_SHUT")

    def bad(self) -> None:
        self.publish(b"{" + CARD.encode())
        self.say("NO_SUCH_WORD", card=CARD)

    def estrange(self) -> None:
        self.say("DOOR_UP", at_s=time.time() + 3600)

    def reconcile(self) -> None:
        self.contact(is_open=False)

    def cut(self) -> None:
        self._client.loop_stop()
        self._stack.close()

    def mend(self) -> None:
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(mosquitto(self._folder, self._port))
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.on_message = lambda _client, _data, message: self.heard.append(bytes(message.payload))
        self._client.connect("127.0.0.1", self._port)
        self._client.subscribe(self.control.unlock_topic)
        self._client.loop_start()

    def unlocked(self) -> bool:
        wait_until(lambda: self.heard, what="the unlocking")
        return self.heard == [b"unlock"]

    def close(self) -> None:
        self.cut()


class OnvifKit:
    unlocks = True

    def __init__(self, folder: Path) -> None:
        (folder / "onvif.password").write_text("a password\n")
        self.server = OnvifServer(free_port())
        self.control = OnvifDoor(
            host="127.0.0.1", port=self.server.port, token="D1", points=("P1",), username="box",
            password_file="onvif.password",
        )  # fmt: skip
        self.server.start()

    def card(self) -> None:
        data = {"CredentialToken": CARD, "CredentialHolderName": "Li Lei"}
        self.server.notify("tns1:AccessControl/AccessGranted/Credential", {"AccessPointToken": "P1"}, data)

    def contact(self, is_open: bool) -> None:
        state = {"State": "Open" if is_open else "Closed"}
        self.server.notify("tns1:Door/State/DoorPhysicalState", {"DoorToken": "D1"}, state)

    def bad(self) -> None:
        self.server.notify("tns1:Door/State/DoorAlarm", {"DoorToken": "D1"}, {"State": "Levitating"})
        self.server.notify("tns1:Door/State/DoorPhysicalState", {"DoorToken": "another"}, {"State": "Open"})
        self.server.notify("tns1:Device/Weather", {"DoorToken": "D1"}, {"Rain": CARD})
        shut = {"State": "Closed"}
        self.server.notify("tns1:Door/State/DoorPhysicalState", {"DoorToken": "D1"}, shut, utc="yesterday")

    def estrange(self) -> None:
        self.server.off_s = 3600
        self.server.stop()
        self.server.start()

    def reconcile(self) -> None:
        self.server.off_s = 0

    def cut(self) -> None:
        self.server.stop()

    def mend(self) -> None:
        self.server.start()

    def unlocked(self) -> bool:
        return self.server.accessed == ["D1"]

    def close(self) -> None:
        self.server.stop()


class OsdpKit:
    """A simulated reader on a pty."""

    unlocks = True

    def __init__(self, folder: Path) -> None:
        self.key = secrets.token_bytes(16)
        (folder / "osdp.key").write_text(self.key.hex())
        Allowlist(folder / "cards").add([Secret(CARD)], duress=False, random=os.urandom)
        self.reader = SimulatedReader(self.key)
        self.control = OsdpDoor(
            port=self.reader.path, address=101, key_file="osdp.key", allowed_file="cards", exit_input=1
        )

    def card(self, number: str = CARD) -> None:
        self.reader.card(bytes.fromhex(number))

    def contact(self, is_open: bool) -> None:
        self.reader.input(0, is_open)

    def bad(self) -> None:
        os.write(self.reader.master, bytes([0x53, 0xE5, 9, 0, 4]) + secrets.token_bytes(30))
        time.sleep(1.0)  # what the reader says into the noise is lost, as it is on a real bus

    def estrange(self) -> None:
        self.reader.rekey(secrets.token_bytes(16))

    def reconcile(self) -> None:
        self.reader.rekey(self.key)

    def cut(self) -> None:
        self.reader.muted = True

    def mend(self) -> None:
        self.reader.muted = False

    def unlocked(self) -> bool:
        wait_until(lambda: self.reader.orders, what="the unlocking")
        return [(it["output_no"], it["timer_count"]) for it in self.reader.orders] == [(0, 50)]

    def close(self) -> None:
        self.reader.close()


KITS: dict[str, Any] = {
    "osdp": OsdpKit,
    "onvif": OnvifKit,
    "webhook": WebhookKit,
    "mqtt": MqttKit,
    "simulator": SimulatorKit,
}
"""A kit for every entry of `DOORS`."""


@contextlib.contextmanager
def controller(kind: str, folder: Path) -> Iterator[Any]:
    """A kit, closed afterwards."""
    kit = KITS[kind](folder)
    try:
        yield kit
    finally:
        if hasattr(kit, "close"):
            kit.close()
