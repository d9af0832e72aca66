"""The settings of a camera that is a gate. `docs/reference/settings.md` describes every key."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from common import addresses
from pipelines.settings import Point
from protocol.event_types import Name
from protocol.plate_grammar import EVERYDAY, choose

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Confidence = Annotated[float, msgspec.Meta(ge=0.5, le=0.9999)]


class SimulatedRelay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="simulated", tag_field="kind"):
    """Opens nothing and counts: for trying out, and for gates without a barrier."""


class HttpRelay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="http", tag_field="kind"):
    """A controller that opens on a POST.

    Attributes:
        url: `http://…` or `https://…`, without user and password.
        secret_file: File with the secret that signs the request, one line; empty for none.
        username: For basic authentication; empty for none.
        password_file: File with its password, one line.
        timeout_s: Of one try.
    """

    url: str
    secret_file: str = ""
    username: str = ""
    password_file: str = ""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=3)] = 1.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url must start with http:// or https:// and name a host")
        addresses.check("url", self.url)


class ModbusRelay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="modbus", tag_field="kind"):
    """A coil of a Modbus TCP module: on, and off again after the pulse.

    Attributes:
        host: The module's.
        coil: Its number, from 0.
        port: Usually 502.
        unit: The module's unit id.
        timeout_s: Of one try.
    """

    host: str
    coil: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    port: Port = 502
    unit: Annotated[int, msgspec.Meta(ge=0, le=247)] = 1
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=3)] = 1.0


class OsdpRelay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="osdp", tag_field="kind"):
    """An output of a door's controller that this box talks to.

    Attributes:
        door: The door's id, from `doors`.
        output: Number of the output.
    """

    door: Name
    output: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0


RelaySettings = SimulatedRelay | HttpRelay | ModbusRelay | OsdpRelay


class GateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    r"""A gate.

    Attributes:
        name: Stands in the events as `gate`.
        grammars: Families that are read: `mainland`, or some of it; see docs/features/gate.md.
        patterns: Other countries' forms, such as `\d{2}[A-Z]\d{5,6}`.
        confidence: A passage opens only from here on.
        open_on_variant: Also open for a text that is one mistake away from a listed one.
        region: Corners in fractions of the picture; only what lies inside counts. Empty: the whole picture.
        relay: What opens.
        pulse_s: For how long the output is switched on. It is never switched to close: the barrier's own loop closes.
        hold_off_s: At least this long between two openings.
        most_per_minute: Openings in any minute.
        fail: `secure`: what cannot be decided stays closed. `safe`: while reader or list fail, vehicles are let in.
    """

    name: Name
    grammars: tuple[str, ...] = (EVERYDAY,)
    patterns: tuple[str, ...] = ()
    confidence: Confidence = 0.9
    open_on_variant: bool = False
    region: tuple[Point, ...] = ()
    relay: RelaySettings = SimulatedRelay()
    pulse_s: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0
    hold_off_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 2.0
    most_per_minute: Annotated[int, msgspec.Meta(ge=1, le=60)] = 20
    fail: Literal["secure", "safe"] = "secure"

    def __post_init__(self) -> None:
        choose(self.grammars, self.patterns)
        if self.region and len(self.region) < 3:
            raise ValueError("region needs at least three corners")


def check_gates(gates: Sequence[GateSettings], doors: Set[str]) -> None:
    """Refuse gates that cannot work together, or whose relay is the output of a door that is not there.

    Args:
        gates: Of one box.
        doors: Ids of the box's doors that have outputs.

    Raises:
        ValueError: A line for each problem, naming the gate and the fix.
    """
    names = [gate.name for gate in gates]
    twice = sorted({name for name in names if names.count(name) > 1})
    found = [f"two gates have the name '{name}'; each needs one of its own" for name in twice]
    for gate in gates:
        if isinstance(gate.relay, OsdpRelay) and gate.relay.door not in doors:
            known = ", ".join(sorted(doors)) or "there are none"
            found.append(f"gate '{gate.name}': its relay names door '{gate.relay.door}'; doors with outputs: {known}")
    if found:
        raise ValueError("\n".join(found))
