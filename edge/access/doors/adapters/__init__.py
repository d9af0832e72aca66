"""What doors speak. A new protocol is a module here, a line in `DOORS`, and a class in edge/settings/doors.py.

`tests/edge/access/doors/test_doors_contract.py` covers it on arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge.access.doors.adapters.base import Adapter, AdapterContext
from edge.access.doors.adapters.mqtt import mqtt_buses
from edge.access.doors.adapters.onvif import onvif_controllers
from edge.access.doors.adapters.osdp_bus import osdp_buses
from edge.access.doors.adapters.simulator import simulators
from edge.access.doors.adapters.webhook import webhooks
from edge.settings.doors import DoorSettings

DOORS: dict[str, Callable[[Sequence[DoorSettings], AdapterContext], Sequence[Adapter]]] = {
    "osdp": osdp_buses,
    "onvif": onvif_controllers,
    "webhook": webhooks,
    "mqtt": mqtt_buses,
    "simulator": simulators,
}
"""`control.kind` → makes the connections for all doors of that kind."""
