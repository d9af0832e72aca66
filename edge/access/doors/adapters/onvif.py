"""Controllers with ONVIF Profile A or C: events by pull point, doors by the door control service."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from common.clock import SECOND_NS
from common.errors import ContractError, DoorError, DoorLost, DoorRefused
from edge.access.doors.adapters.base import AdapterContext, Outputs, secret_line
from edge.access.doors.adapters.onvif_topics import Notification, door_of, meaning
from edge.access.doors.door_signals import ControllerRestored, Refused
from edge.settings.doors import DoorSettings, OnvifDoor
from protocol.identifiers import from_rfc3339

ConnectionKey = tuple[str, int, str, str, bool]
SKEW_S = 60.0
"""A controller whose clock differs by more is refused: its event times would be wrong."""
ANSWER_S = 5
PULL, LASTS, AT_ONCE = "PT2S", "PT60S", 100
RENEW_S = 20.0
_ANSWERS = frozenset({"Fault", "TransportError"})
"""The library's errors for a SOAP fault, and for an HTTP error without SOAP."""
_SCHEMA, _WSNT = "{http://www.onvif.org/ver10/schema}", "{http://docs.oasis-open.org/wsn/b-2}"


class OnvifController:
    """One controller.

    Args:
        doors: Settings of its doors.
        context: Its dependencies.
        renew_s: Interval of the subscription's renewal, where the controller supports it. Others keep a
            subscription for as long as it is pulled (ONVIF Core, 9.1.1).

    Raises:
        SettingsError: The password's file cannot be read.
    """

    def __init__(self, doors: Sequence[DoorSettings], context: AdapterContext, renew_s: float = RENEW_S) -> None:
        self.doors = tuple(door.id for door in doors)
        self._settings = {door.id: door.control for door in doors if isinstance(door.control, OnvifDoor)}
        self._tokens = {settings.token: door for door, settings in self._settings.items()}
        self._points = {point: door for door, settings in self._settings.items() for point in settings.points}
        self._context = context
        self._first = next(iter(self._settings.values()))
        name = self._first.password_file
        self._password = secret_line(context.base, name, "doors: control.password_file") if name else None
        self._renew_s = renew_s

    def run_once(self) -> None:
        """Subscribe and pull until the stop."""
        answer = _Answer()
        client = self._create_client(answer)
        self._check_clock(client)
        self._run_subscription(client, answer, self.doors)
        while not self._context.stop.is_set():
            self._run_subscription(client, answer)

    def _run_subscription(self, client: Any, answer: _Answer, restored: Sequence[str] = ()) -> None:
        """Run one subscription; returns at the stop, and when the controller has ended a working one."""
        subscription = _call(lambda: client.events().CreatePullPointSubscription(InitialTerminationTime=LASTS))
        puller = _call(lambda: client.pullpoint(subscription))
        subscription_manager = _call(lambda: client.subscription(subscription))
        for door in restored:
            self._context.report(door, ControllerRestored())
        try:
            self._pull(client, puller, subscription_manager, answer)
        finally:  # a controller supports few subscriptions
            with contextlib.suppress(DoorError):
                _supported(subscription_manager.Unsubscribe)

    def _pull(self, client: Any, puller: Any, subscription_manager: Any, answer: _Answer) -> None:
        renewed_ns, can_renew, has_answered = self._context.clock.monotonic_ns(), True, False
        while not self._context.stop.is_set():
            if not _supported(lambda: puller.PullMessages(Timeout=PULL, MessageLimit=AT_ONCE)):
                if has_answered:
                    return
                raise DoorLost("the controller does not answer as it should (no PullMessages)")
            has_answered = True
            for notification in notifications_in(answer.envelope):
                self._handle(notification)
            if self._context.clock.monotonic_ns() - renewed_ns > self._renew_s * SECOND_NS:
                can_renew = can_renew and _supported(lambda: subscription_manager.Renew(TerminationTime=LASTS))
                self._check_clock(client)
                renewed_ns = self._context.clock.monotonic_ns()

    def unlock(self, door: str) -> None:
        """Unlock the door through the controller, as for a granted card."""
        settings = self._settings[door]
        client = self._create_client(_Answer())
        duration = f"PT{settings.unlock_s:g}S"
        _call(lambda: client.doorcontrol().AccessDoor(Token=settings.token, AccessTime=duration))

    def outputs(self, door: str) -> Outputs:
        """Not available."""
        raise DoorRefused(f"door '{door}' has no outputs: an ONVIF door is only unlocked")

    def _create_client(self, answer: _Answer) -> Any:
        import onvif
        from onvif.operator import CacheMode

        first = self._first
        return _call(
            lambda: onvif.ONVIFClient(
                first.host,
                first.port,
                username=first.username or None,
                password=self._password,
                timeout=ANSWER_S,
                cache=CacheMode.MEM,
                use_https=first.tls,
                verify_ssl=first.tls,
                apply_patch=False,
                plugins=[answer],
            )
        )

    def _check_clock(self, client: Any) -> None:
        answer = _call(lambda: client.devicemgmt().GetSystemDateAndTime())
        settings = answer.UTCDateTime
        if settings is None:
            raise DoorRefused("the controller does not report its time")
        date, time = settings.Date, settings.Time
        try:
            group_doors = datetime(
                date.Year, date.Month, date.Day, time.Hour, time.Minute, min(time.Second, 59), tzinfo=UTC
            )
        except (TypeError, ValueError) as error:
            raise DoorRefused("the controller's time is invalid") from error
        off_s = group_doors.timestamp() - self._context.clock.wall_ns() / SECOND_NS
        if abs(off_s) > SKEW_S:
            raise DoorRefused(f"the controller's clock is off by {off_s:.0f} s")

    def _handle(self, notification: Notification) -> None:
        door, what = door_of(notification, self._tokens, self._points), meaning(notification)
        if door is None or what is None:
            return
        try:
            time_ns = from_rfc3339(notification.utc) if notification.utc else None
        except ContractError:
            self._context.report(door, Refused("a time that is not UTC; taken as now"))
            time_ns = None
        self._context.report(door, what, time_ns)


class _Answer:
    """A plugin of the library that stores the last raw answer: the library itself drops topics."""

    envelope: Any = None

    def ingress(self, envelope: Any, http_headers: Any, _operation: Any) -> tuple[Any, Any]:
        """Called with every answer."""
        self.envelope = envelope
        return envelope, http_headers

    def egress(self, envelope: Any, http_headers: Any, _operation: Any, _options: Any) -> tuple[Any, Any]:
        """Called with every request; left as it is."""
        return envelope, http_headers


def notifications_in(envelope: Any) -> Iterator[Notification]:
    """The notifications of a pull; those without a topic or a message are skipped.

    Args:
        envelope: The answer's XML, or None.
    """
    for element in envelope.iter(f"{_WSNT}NotificationMessage") if envelope is not None else ():
        topic = element.findtext(f"{_WSNT}Topic")
        message = element.find(f"{_WSNT}Message/{_SCHEMA}Message")
        if topic and message is not None:
            is_current_state = message.get("PropertyOperation") == "Initialized"
            yield Notification(
                topic="/".join(part.rpartition(":")[2] for part in topic.strip().split("/")),
                source=_items(message, "Source"),
                data=_items(message, "Data"),
                utc="" if is_current_state else message.get("UtcTime", ""),
            )


def _items(element: Any, part: str) -> dict[str, str]:
    restored = element.iterfind(f"{_SCHEMA}{part}/{_SCHEMA}SimpleItem")
    return {item.get("Name", ""): item.get("Value", "") for item in restored}


def _call(call: Callable[[], Any]) -> Any:
    """Call the library and convert its errors, without the text that they quote."""
    try:
        return call()
    except DoorError:
        raise
    except Exception as error:  # the library raises what requests, zeep and lxml raise, wrapped or not
        raise _to_door_error(error) from None


def _to_door_error(error: Exception) -> DoorError:
    cause = getattr(error, "original_exception", error)
    if re.search(r"NotAuthorized|\b401\b", f"{error} {cause}"):
        return DoorRefused("the controller refused user or password")
    return DoorLost(f"the controller does not answer as it should ({type(cause).__name__})")


def _supported(call: Callable[[], Any]) -> bool:
    """Call an optional operation of the controller; False if it answers with an error.

    Raises:
        DoorError: There is no answer.
    """
    try:
        call()
    except Exception as error:
        problem = _to_door_error(error)
        if isinstance(problem, DoorLost) and type(getattr(error, "original_exception", error)).__name__ in _ANSWERS:
            return False
        raise problem from None
    return True


def onvif_controllers(doors: Sequence[DoorSettings], context: AdapterContext) -> list[OnvifController]:
    """One connection for each controller and account."""
    groups: dict[ConnectionKey, list[DoorSettings]] = {}
    for door in doors:
        settings = door.control
        assert isinstance(settings, OnvifDoor)
        groups.setdefault(
            (settings.host, settings.port, settings.username, settings.password_file, settings.tls), []
        ).append(door)
    return [OnvifController(group_doors, context) for group_doors in groups.values()]
