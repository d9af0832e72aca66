from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from door_kits import CARD

from common.errors import DoorRefused
from common.secret import Secret
from edge.access.doors.credential_policy import Allowlist, CredentialPolicy
from edge.access.doors.door_signals import CredentialPresented, normal
from edge.access.doors.door_state_machine import CredentialDecision
from edge.access.site_lists.matching import Match
from paifang import cli

SECRET = Secret("04:a2:f1:c3")


LOST = Match("lost-7", "revoked", valid=True)


@dataclass
class FakeList:
    """A list with one revoked credential."""

    text: str = CARD
    match: Match = LOST

    def find(self, text: str, wall_ns: int) -> Match | None:
        return self.match if text == self.text else None


def judge(revoked: FakeList | None = None) -> CredentialPolicy:
    return CredentialPolicy(lambda domain, text: f"{domain}:{len(text)}", revoked)


PSEUDONYM = "credential:8"


@pytest.mark.parametrize(
    ("card", "revoked", "expected"),
    [
        (CredentialPresented("granted", SECRET), None, CredentialDecision("granted", PSEUDONYM)),
        (
            CredentialPresented("granted", SECRET),
            FakeList(),
            CredentialDecision("granted", PSEUDONYM, "revoked:lost-7"),
        ),
        (CredentialPresented("granted", SECRET), FakeList("other"), CredentialDecision("granted", PSEUDONYM)),
        (CredentialPresented("denied", SECRET, "Expired"), None, CredentialDecision("denied", PSEUDONYM, "expired")),
        (
            CredentialPresented("denied", SECRET, "card of Li Lei"),
            None,
            CredentialDecision("denied", PSEUDONYM, "other"),
        ),
        (
            CredentialPresented("denied", SECRET, "expired"),
            FakeList(),
            CredentialDecision("denied", PSEUDONYM, "revoked:lost-7"),
        ),
        (CredentialPresented("granted", None), FakeList(), CredentialDecision("granted")),
        (CredentialPresented("duress", SECRET), None, CredentialDecision("duress", PSEUDONYM)),
        (CredentialPresented("shown", None), None, CredentialDecision("denied")),
        (CredentialPresented("shown", SECRET), None, CredentialDecision("denied", PSEUDONYM, "unknown")),
    ],
)
def test_what_becomes_of_a_credential(
    card: CredentialPresented, revoked: FakeList | None, expected: CredentialDecision
) -> None:
    assert judge(revoked).judge(card, None, 0) == expected


def test_an_entry_whose_time_is_over_revokes_nothing() -> None:
    over = FakeList(match=Match("lost-7", "revoked", valid=False))
    assert judge(over).judge(CredentialPresented("granted", SECRET), None, 0).reason == ""


def test_the_box_decides_by_the_door_s_file(tmp_path: Path) -> None:
    allowed = Allowlist(tmp_path / "allowed")
    shown, other, code = (
        CredentialPresented("shown", SECRET),
        CredentialPresented("shown", Secret("99")),
        CredentialPresented("shown", Secret("9911")),
    )
    assert judge().judge(shown, allowed, 0).verdict == "denied"
    Allowlist(tmp_path / "allowed").add([SECRET], duress=False, random=os.urandom)
    Allowlist(tmp_path / "allowed").add([Secret("9911")], duress=True, random=os.urandom)
    assert judge().judge(shown, allowed, 0) == CredentialDecision("granted", PSEUDONYM)
    assert judge().judge(other, allowed, 0).verdict == "denied"
    assert judge().judge(code, allowed, 0).verdict == "duress"
    assert judge(FakeList()).judge(shown, allowed, 0) == CredentialDecision("denied", PSEUDONYM, "revoked:lost-7")


def test_the_file_shows_no_credential_and_only_this_user_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "allowed"
    assert Allowlist(path).add([SECRET, Secret(CARD)], duress=False, random=os.urandom) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert CARD not in path.read_text().upper()


@pytest.mark.parametrize("damage", ["", "key 00", "card " + "00" * 32, "key " + "00" * 32 + "\nxyz", "\0"])
def test_a_damaged_file_lets_nobody_in_and_is_not_overwritten(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "allowed"
    path.write_text(damage)
    assert Allowlist(path).check(SECRET) == "no"
    with pytest.raises(DoorRefused, match="paifang doors allow"):
        Allowlist(path).add([SECRET], duress=False, random=os.urandom)
    assert path.read_text() == damage


def test_the_command_adds_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "allowed"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{CARD}\n\n12 34\n"))
    assert cli.main(["doors", "allow", str(path)]) == 0
    assert capsys.readouterr().out == "2 new of 2\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("9911\n"))
    assert cli.main(["doors", "allow", "--duress", str(path)]) == 0
    allowed = Allowlist(path)
    assert [allowed.check(Secret(text)) for text in (CARD, "1234", "9911", "1")] == ["yes", "yes", "duress", "no"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert cli.main(["doors", "allow", str(path)]) == 1


def test_a_card_hides_its_credential() -> None:
    assert CARD not in repr(CredentialPresented("shown", Secret(CARD)))
    assert normal(SECRET.reveal()) == CARD
