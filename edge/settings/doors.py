"""The settings of a box's doors. `docs/reference/settings.md` describes every key."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from pipelines.rules.tailgate import PassageSettings
from protocol.event_types import Name

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=60)]
Word = Literal[
    "granted", "denied", "shown", "duress", "exit", "opened", "closed", "locked", "unlocked", "forced", "held",
    "tamper", "tamper-over", "offline", "online",
]  # fmt: skip
"""Kinds of door messages; see edge/access/doors/json_message_format.py."""


class OsdpDoor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="osdp", tag_field="kind"):
    """A reader on an OSDP bus; the box is its control panel and decides.

    Attributes:
        port: The serial device. Doors with the same one share the bus.
        address: The reader's.
        key_file: The secure channel's key: 32 hexadecimal digits. Messages outside a secure channel are refused.
        baud: Of the bus; the same for all its doors.
        allowed_file: Allowed credentials; see `paifang doors allow`. Empty: none.
        contact_input: Number of the door contact's input; none: there is no contact.
        contact_open: The input's state while the door is open.
        exit_input: Number of the input of the button inside; none: there is no button.
        output: Number of the output that unlocks.
        unlock_s: How long it unlocks.
    """

    port: str
    address: Annotated[int, msgspec.Meta(ge=0, le=126)]
    key_file: str
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 9600
    allowed_file: str = ""
    contact_input: Annotated[int, msgspec.Meta(ge=0, le=15)] | None = 0
    contact_open: Literal["on", "off"] = "on"
    exit_input: Annotated[int, msgspec.Meta(ge=0, le=15)] | None = None
    output: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    unlock_s: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 5.0


class OnvifDoor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="onvif", tag_field="kind"):
    """A door of a controller that speaks ONVIF Profile A or C; the controller decides.

    Attributes:
        host: The controller's.
        token: The door's, as the controller calls it.
        points: Tokens of the door's access points.
        port: Usually 80, or 443 with TLS.
        username: Empty for none.
        password_file: File with the password, one line.
        tls: Speak HTTPS and check the certificate.
        unlock_s: How long it unlocks when the box asks.
    """

    host: str
    token: str
    points: tuple[str, ...] = ()
    port: Port = 80
    username: str = ""
    password_file: str = ""
    tls: bool = False
    unlock_s: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 5.0


class WebhookDoor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="webhook", tag_field="kind"):
    """A controller that posts signed messages to the box.

    Attributes:
        key_file: The shared key: at least 32 hexadecimal digits.
        port: Where the box listens. Doors with the same one share it.
        host: Address to listen on.
        skew_s: A message's time may be so far from the box's clock.
        allowed_file: As for `osdp`, for what is `shown`.
    """

    key_file: str
    port: Port = 9410
    host: str = "127.0.0.1"
    skew_s: Positive = 60.0
    allowed_file: str = ""


class MqttDoor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="mqtt", tag_field="kind"):
    """A controller that publishes JSON to a broker.

    Attributes:
        host: The broker's.
        topic: What the door publishes to.
        port: The broker's.
        username: Empty for none.
        password_file: File with the password, one line.
        tls: Encrypt, and check the certificate.
        ca_file: Certificates of the authorities to trust; empty: the system's.
        event_field: Field with the event; `a.b` is field b inside a.
        credential_field: Field of the card or code.
        reason_field: Field of the reason.
        time_field: Field of the controller's time (RFC 3339 in UTC, or seconds since 1970); none: when it came.
        words: Value of the field → event.
        skew_s: A time may be so far in the future.
        unlock_topic: Where the box publishes `unlock_payload` to unlock; empty: it cannot.
        unlock_payload: See above.
        allowed_file: As for `osdp`, for what is `shown`.
    """

    host: str
    topic: str
    words: dict[str, Word]
    port: Port = 1883
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    event_field: str = "event"
    credential_field: str = "credential"
    reason_field: str = "reason"
    time_field: str = "time"
    skew_s: Positive = 60.0
    unlock_topic: str = ""
    unlock_payload: str = "unlock"
    allowed_file: str = ""

    def __post_init__(self) -> None:
        if not self.topic or "#" in self.topic or "+" in self.topic:
            raise ValueError("topic must name one topic, without '+' and '#'")
        if not self.words:
            raise ValueError("words is empty; give the meaning of each of the controller's words")


class SimulatedDoor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="simulator", tag_field="kind"):
    """A door without hardware, for the demonstration and for trials: its buttons are HTTP requests on loopback.

    Attributes:
        port: Where it listens on 127.0.0.1. Doors with the same one share it.
        allowed_file: As for `osdp`, for what is `shown`.
    """

    port: Port = 9420
    allowed_file: str = ""


Control = OsdpDoor | OnvifDoor | WebhookDoor | MqttDoor | SimulatedDoor


class HeldLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a door may stand open.

    Attributes:
        limit_s: Seconds; none: as long as it likes.
        schedule: When this limit holds; empty: always.
    """

    limit_s: Positive | None = 30.0
    schedule: str = ""


class DoorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One door.

    Attributes:
        id: Stands in the events; unique among the box's doors and cameras.
        control: Its controller.
        name: Shown in the dashboard; the id where empty.
        held: Limits; the first whose schedule is open holds. None open: no limit. None given: the usual one.
        open_within_s: A grant or an exit explains an opening so long after it.
        grace_s: A grant may come so long after the opening it explains.
        debounce_s: The contact must stay for so long.
        free_exit: The handle inside opens it without a signal: an opening without a grant is not forced.
        reorder_s: Messages with their controller's own time wait so long for older ones.
        camera: The camera that sees the doorway; empty: none.
        passage: The line at which persons are counted; none: no counting.
    """

    id: Name
    control: Control
    name: str = ""
    held: tuple[HeldLimit, ...] = ()
    open_within_s: Positive = 10.0
    grace_s: NotNegative = 0.5
    debounce_s: NotNegative = 0.15
    free_exit: bool = False
    reorder_s: NotNegative = 0.5
    camera: str = ""
    passage: PassageSettings | None = None

    def __post_init__(self) -> None:
        if self.passage is not None and not self.camera:
            raise ValueError("passage needs camera: the one that sees the doorway")
