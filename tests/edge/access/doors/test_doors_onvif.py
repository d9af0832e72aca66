from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from door_kits import CARD, DOOR, OnvifKit, controller
from edge_kit import wait_until

from common.clock import SystemClock
from common.errors import DoorError, DoorLost, DoorRefused
from common.secret import Secret
from edge.access.doors.adapters.base import AdapterContext
from edge.access.doors.adapters.onvif import OnvifController, notifications_in
from edge.access.doors.adapters.onvif_topics import TOPICS, Notification, door_of, meaning
from edge.access.doors.door_signals import (
    ControllerRestored,
    CredentialPresented,
    DoorContact,
    DoorSignal,
    Forced,
    Held,
    Lock,
    Tamper,
)
from edge.settings.doors import DoorSettings

TOKEN = {"CredentialToken": CARD}


@pytest.mark.parametrize(
    ("topic", "data", "said"),
    [
        (
            "AccessControl/Denied/Credential",
            {**TOKEN, "Reason": "CredentialExpired"},
            CredentialPresented("denied", Secret(CARD), "CredentialExpired"),
        ),
        ("AccessControl/AccessGranted/Credential", TOKEN, CredentialPresented("granted", Secret(CARD))),
        ("AccessControl/AccessGranted/Anonymous", {}, CredentialPresented("granted")),
        ("AccessControl/Denied/Anonymous", {}, CredentialPresented("denied")),
        (
            "AccessControl/Denied/CredentialNotFound/Card",
            {"Card": CARD},
            CredentialPresented("denied", Secret(CARD), "unknown"),
        ),
        ("AccessControl/Duress", TOKEN, CredentialPresented("duress", Secret(CARD))),
        ("Door/State/DoorPhysicalState", {"State": "Open"}, DoorContact(open=True)),
        ("Door/State/DoorPhysicalState", {"State": "Fault"}, None),
        ("Door/State/LockPhysicalState", {"State": "Unlocked"}, Lock(locked=False)),
        ("Door/State/DoorAlarm", {"State": "DoorForcedOpen"}, Forced()),
        ("Door/State/DoorAlarm", {"State": "DoorOpenTooLong"}, Held()),
        ("Door/State/DoorAlarm", {"State": "Normal"}, None),
        ("Door/State/DoorTamper", {"State": "TamperDetected"}, Tamper(on=True)),
        ("Device/Weather", {"State": "Rain"}, None),
    ],
)  # fmt: skip
def test_what_a_topic_means(topic: str, data: dict[str, str], said: DoorSignal | None) -> None:
    notice = Notification(topic, {}, data)
    assert meaning(notice) == said
    assert CARD not in repr(notice)


def test_every_topic_takes_a_notice_without_anything() -> None:
    for topic in TOPICS:
        said = meaning(Notification(topic, {}, {}))
        assert said is None or isinstance(said, CredentialPresented)


def test_a_notice_finds_its_door_by_its_token_or_its_access_point() -> None:
    doors, points = {"D1": "lobby"}, {"P1": "lobby", "P2": "attic"}
    assert door_of(Notification("t", {"DoorToken": "D1"}, {}), doors, points) == "lobby"
    assert door_of(Notification("t", {"AccessPointToken": "P2"}, {}), doors, points) == "attic"
    assert door_of(Notification("t", {"DoorToken": "D9"}, {}), doors, points) is None


def test_how_things_stand_has_no_time_and_what_is_no_notice_is_passed_over() -> None:
    text = """<e xmlns:n="http://docs.oasis-open.org/wsn/b-2" xmlns:t="http://www.onvif.org/ver10/schema">
      <n:NotificationMessage><n:Topic>tns1:Door/State/DoorAlarm</n:Topic><n:Message>
        <t:Message UtcTime="2026-11-23T08:00:00Z" PropertyOperation="Initialized"><t:Source/><t:Data>
          <t:SimpleItem Name="State" Value="Normal"/></t:Data></t:Message></n:Message></n:NotificationMessage>
      <n:NotificationMessage><n:Topic>tns1:Door/State/DoorAlarm</n:Topic></n:NotificationMessage>
      <n:NotificationMessage/></e>"""
    assert list(notifications_in(ET.fromstring(text))) == [
        Notification("Door/State/DoorAlarm", {}, {"State": "Normal"})
    ]
    assert list(notifications_in(None)) == []


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[OnvifKit]:
    with controller("onvif", tmp_path) as made:
        yield made


def adapter(kit: OnvifKit, folder: Path) -> OnvifController:
    def tell(door: str, what: DoorSignal, time_ns: int | None = None, done: Any = None) -> None:
        """Nobody listens."""

    parts = AdapterContext(folder, tell, SystemClock(), threading.Event(), lambda: 0.5)
    return OnvifController([DoorSettings(id=DOOR, control=kit.control)], parts)


class Listening:
    """A controller's adapter in a thread, and what it told."""

    def __init__(self, kit: OnvifKit, folder: Path) -> None:
        self.told: list[DoorSignal] = []
        self.stop, self.errors = threading.Event(), list[Exception]()
        parts = AdapterContext(folder, self.tell, SystemClock(), self.stop, lambda: 0.5)
        self.adapter = OnvifController([DoorSettings(id=DOOR, control=kit.control)], parts, renew_s=0.1)
        self.thread = threading.Thread(target=self.run)

    def tell(self, door: str, what: DoorSignal, time_ns: int | None = None, done: Any = None) -> None:
        self.told.append(what)

    def run(self) -> None:
        try:
            self.adapter.run_once()
        except DoorError as error:
            self.errors.append(error)


@pytest.mark.parametrize("page", [False, True])
@pytest.mark.parametrize("lacks", [set(), {"Renew"}, {"Unsubscribe"}, {"Renew", "Unsubscribe"}])
def test_a_controller_without_optional_operations_keeps_one_subscription(
    kit: OnvifKit, tmp_path: Path, lacks: set[str], page: bool
) -> None:
    kit.server.lacks, kit.server.without_soap, asked = lacks, page, kit.server.asked
    made = Listening(kit, tmp_path)
    made.thread.start()
    try:
        wait_until(lambda: asked["Renew"] > 0, what="a renewal")
        pulls = asked["PullMessages"]
        wait_until(lambda: asked["PullMessages"] > pulls + 3, what="more pulls")
        kit.contact(is_open=True)
        wait_until(lambda: DoorContact(open=True) in made.told, what="the contact")
    finally:
        made.stop.set()
        made.thread.join()
    assert made.errors == []
    assert made.told == [ControllerRestored(), DoorContact(open=True)]
    assert (asked["CreatePullPointSubscription"], asked["Unsubscribe"]) == (1, 1)
    assert asked["Renew"] == 1 or "Renew" not in lacks


def test_a_subscription_that_lapsed_is_made_anew_without_a_word(kit: OnvifKit, tmp_path: Path) -> None:
    kit.server.lapses, kit.server.lacks, asked = [3, 6], {"Renew"}, kit.server.asked
    made = Listening(kit, tmp_path)
    made.thread.start()
    try:
        wait_until(lambda: asked["PullMessages"] > 8, what="pulls after the second lapse")
        kit.contact(is_open=True)
        wait_until(lambda: DoorContact(open=True) in made.told, what="the contact")
    finally:
        made.stop.set()
        made.thread.join()
    assert (made.errors, made.told) == ([], [ControllerRestored(), DoorContact(open=True)])
    assert (asked["CreatePullPointSubscription"], asked["Unsubscribe"]) == (3, 3)


def test_a_subscription_is_given_back_before_the_next_is_made(kit: OnvifKit, tmp_path: Path) -> None:
    kit.server.lacks, asked = {"PullMessages"}, kit.server.asked
    for number in (1, 2):
        with pytest.raises(DoorLost):
            adapter(kit, tmp_path).run_once()
        assert (asked["CreatePullPointSubscription"], asked["Unsubscribe"]) == (number, number)


def test_a_wrong_password_a_clock_an_hour_off_and_a_dead_controller_are_told_apart(
    kit: OnvifKit, tmp_path: Path
) -> None:
    kit.server.refuses = True
    with pytest.raises(DoorRefused, match="refused user or password"):
        adapter(kit, tmp_path).run_once()
    kit.server.refuses, kit.server.off_s = False, -3600
    with pytest.raises(DoorRefused, match="clock is off by -36"):
        adapter(kit, tmp_path).run_once()
    kit.server.stop()
    with pytest.raises(DoorLost, match="does not answer as it should"):
        adapter(kit, tmp_path).run_once()
    with pytest.raises(DoorLost, match="does not answer as it should"):
        adapter(kit, tmp_path).unlock(DOOR)
