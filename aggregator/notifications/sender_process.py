"""The process that makes outgoing connections for notifications: one JSON request a line in, one answer a line out.

It is apart from the aggregator because a target may hang, send endless answers, or be an address of the inner network:
a hanging one is killed with its process, memory is limited, and an audit hook of Python refuses every connection to a
host that is not permitted, whatever library opens it and whatever a name resolves to at that moment. Programs cannot be
started. Run as `python -I -m aggregator.notifications.sender_process`.
"""

from __future__ import annotations

import base64
import json
import logging
import resource
import signal
import socket
import sys
from typing import Any

from aggregator.notifications.addresses import OWN_HOST, permitted

MEMORY_BYTES = 1 << 30
_FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn")
_networks: list[str] = []
_refused: list[str] = []
_answers: list[tuple[int, str]] = []


class ConnectionForbidden(OSError):
    """The host lies in a private network that the settings do not allow."""


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and args[0].family != socket.AF_UNIX:
        host = str(args[1][0]) if isinstance(args[1], tuple) else ""
        if not permitted(host, _networks):
            _refused.append(host)
            raise ConnectionForbidden("a private address")
    elif event == "socket.connect" or event in _FORBIDDEN:
        raise ConnectionForbidden("not allowed here")


def main() -> None:
    """Answer requests until the input ends."""
    logging.disable(logging.CRITICAL)  # they would hold addresses with their secrets
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    import apprise  # noqa: F401 — before the hook: loading starts what it may not do later

    _note_answers()
    sys.addaudithook(_watch)
    output, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        signal.alarm(int(request["limit_s"]) + 5)  # where the aggregator is not there any more to end it
        print(json.dumps(_answer(request)), file=output, flush=True)
        signal.alarm(0)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    _networks[:] = request["networks"]
    _refused.clear()
    _answers.clear()
    try:
        done = {"check": _check, "apprise": _apprise, "push": _push}[request["do"]](request)
    except MemoryError:
        done = {"sent": False, "problem": "the answer is too large"}
    except Exception as error:  # any: the address and the service's answer are from outside
        done = {"sent": False, "problem": f"no answer ({type(error).__name__})"}
    if not done["sent"] and _refused:
        done = {"sent": False, "problem": "the host is in a private network", "refused": True}
    elif not done["sent"] and _answers:
        status, pause = _answers[-1]
        refused = 400 <= status < 500 and status not in (408, 425, 429)
        gone = request["do"] == "push" and status in (404, 410)
        done |= {"problem": f"it answered with HTTP {status}", "refused": refused, "gone": gone, "retry_after": pause}
    return done


def _check(request: dict[str, Any]) -> dict[str, Any]:
    """Whether Apprise takes an address, and whether its host may be connected to."""
    found = _instance(request["address"])
    if found is None:
        return {"sent": False, "problem": "url: the service does not take it; see Apprise's description of the service"}
    if request["address"].partition("://")[0].lower() in OWN_HOST:
        for *_, place in _resolved(str(found.host or "").strip("[]"), found.port or None):
            if not permitted(str(place[0]), _networks):
                problem = "url: the host is in a private network; the settings' notifications.networks may allow it"
                return {"sent": False, "problem": problem, "refused": True}
    return {"sent": True}


def _resolved(host: str, port: int | None) -> list[Any]:
    try:
        return list(socket.getaddrinfo(host, port))
    except OSError:
        return []  # it may be known later; connecting checks again


def _apprise(request: dict[str, Any]) -> dict[str, Any]:
    import apprise

    found = _instance(request["address"])
    if found is None:
        return {"sent": False, "problem": "the service does not take the address", "refused": True}
    kind = apprise.NotifyType.FAILURE if request["urgent"] else apprise.NotifyType.WARNING
    box = apprise.Apprise(asset=_asset())
    box.add(found)
    sent = box.notify(
        title=request["title"], body=request["body"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT
    )
    return {"sent": bool(sent), "problem": "" if sent else "no answer"}


def _push(request: dict[str, Any]) -> dict[str, Any]:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            request["address"], data=base64.b64decode(request["body"]), headers=request["headers"], timeout=10,
            allow_redirects=False, stream=True,
        )  # fmt: skip
        answer.close()
    return {"sent": 200 <= answer.status_code < 300, "problem": ""}


def _asset() -> Any:
    import apprise

    return apprise.AppriseAsset(
        app_id="Paifang", app_desc="Paifang", app_url="", image_url_logo="", image_url_mask="", storage_mode="memory",
        secure_logging=True, async_mode=False, interpret_escapes=False,
    )  # fmt: skip


def _instance(address: str) -> Any:
    import apprise

    return apprise.Apprise.instantiate(address, asset=_asset(), suppress_exceptions=True)


def _note_answers() -> None:
    """Keep status and `Retry-After` of each HTTP answer: Apprise returns only whether it succeeded."""
    import requests

    send = requests.Session.send

    def noting(self: Any, request: Any, **options: Any) -> Any:
        self.trust_env = False
        answer = send(self, request, **options)
        _answers.append((answer.status_code, str(answer.headers.get("Retry-After", ""))[:40]))
        return answer

    requests.Session.send = noting  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
