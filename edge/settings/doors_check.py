"""Checks the doors' settings against the rest of the box and each other before a start, and lists all problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge.settings.doors import DoorSettings, MqttDoor, OnvifDoor, OsdpDoor, SimulatedDoor, WebhookDoor
from pipelines.rules.tailgate import PassageSettings
from pipelines.settings import LineSettings, Window

HAVE_OUTPUTS = (OsdpDoor, SimulatedDoor)
"""Doors whose controller has outputs that a gate's relay may use."""
_ANY = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not listened on


def check_doors(
    doors: Sequence[DoorSettings],
    schedules: Mapping[str, tuple[Window, ...]],
    lines: Mapping[str, tuple[LineSettings, ...]],
) -> None:
    """Check the doors' settings against the rest of the box and against each other.

    Args:
        doors: The doors.
        schedules: The box's schedules.
        lines: Camera's id → its lines.

    Raises:
        ValueError: A line for each problem, naming the door and the fix.
    """
    taken, found = set(lines), _shared(doors)
    for door in doors:
        who = f"doors: '{door.id}'"
        if door.id in taken:
            found.append(f"{who} is the id of another door or camera; each needs an id of its own")
        taken.add(door.id)
        for limit in door.held:
            if limit.schedule and limit.schedule not in schedules:
                known = ", ".join(sorted(schedules)) or "none is defined"
                found.append(f"{who}: schedule '{limit.schedule}' of held is not known; known: {known}")
        if door.camera and door.camera not in lines:
            found.append(f"{who}: camera '{door.camera}' is not one of this box")
        elif door.passage is not None:
            found += _line_problems(who, door.passage, lines[door.camera])
    if found:
        raise ValueError("\n".join(found))


def _line_problems(who: str, passage: PassageSettings, lines: tuple[LineSettings, ...]) -> list[str]:
    """A door's line must count every crossing: its settings must not exclude any."""
    line = next((line for line in lines if line.name == passage.line), None)
    if line is None:
        known = ", ".join(line.name for line in lines) or "it has none"
        return [f"{who}: passage.line '{passage.line}' is no line of its camera; lines: {known}"]
    if line.cooldown_s or line.schedule or "person" not in line.objects or passage.entry not in line.directions:
        return [
            f"{who}: line '{line.name}' must count every person: no cooldown_s, no schedule, objects with 'person', "
            f"directions with '{passage.entry}'"
        ]
    return []


def _shared(doors: Sequence[DoorSettings]) -> list[str]:
    """Two doors with the same identity at their controller: only the second would get its messages."""
    found, seen = [], dict[str, str]()
    for door in doors:
        for place in _places(door):
            other = seen.setdefault(place, door.id)
            if other != door.id:
                found.append(f"doors: '{door.id}' and '{other}' both have {place}; each needs one of its own")
    return found + _buses(doors) + _listeners(doors)


def _places(door: DoorSettings) -> Iterator[str]:
    """What is one door's alone at its controller."""
    match door.control:
        case OsdpDoor(port=port, address=address):
            yield f"address {address} on {port}"
        case MqttDoor(host=host, port=number, topic=topic):
            yield f"topic '{topic}' at {host}:{number}"
        case OnvifDoor(host=host, port=number, token=token, points=points):
            yield f"token '{token}' at {host}:{number}"
            yield from (f"point '{point}' at {host}:{number}" for point in dict.fromkeys(points))


def _buses(doors: Sequence[DoorSettings]) -> list[str]:
    found, speeds = [], dict[str, int]()
    for door in doors:
        control = door.control
        if isinstance(control, OsdpDoor) and speeds.setdefault(control.port, control.baud) != control.baud:
            found.append(
                f"doors: '{door.id}': baud {control.baud}, but {control.port} has {speeds[control.port]}; a bus has one"
            )
    return found


def _listeners(doors: Sequence[DoorSettings]) -> list[str]:
    """A port of the box on which two things would listen."""
    found: list[str] = []
    taken: dict[int, set[tuple[str, str]]] = {}
    for door in doors:
        control = door.control
        if not isinstance(control, WebhookDoor | SimulatedDoor):
            continue
        address = ("webhook", control.host) if isinstance(control, WebhookDoor) else ("simulator", "127.0.0.1")
        others = taken.setdefault(control.port, set())
        if any(address != it and (address[1] == it[1] or {address[1], it[1]} & _ANY) for it in others):
            found.append(
                f"doors: '{door.id}': something else listens on port {control.port} already; choose another port"
            )
        others.add(address)
    return found
