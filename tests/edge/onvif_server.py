"""A small SOAP server that speaks as much of ONVIF as a door controller of Profile A or C needs to."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_SOAP = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"'
    ' xmlns:wsa5="http://www.w3.org/2005/08/addressing" xmlns:tdc="http://www.onvif.org/ver10/doorcontrol/wsdl"'
    ' xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tns1="http://www.onvif.org/ver10/topics">'
    "<s:Body>{}</s:Body></s:Envelope>"
)
_NOT_AUTHORIZED = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en">Sender not authorized</s:Text></s:Reason></s:Fault>'
)

_NOT_SUPPORTED = (
    "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>ter:ActionNotSupported</s:Value></s:Subcode>"
    '</s:Code><s:Reason><s:Text xml:lang="en">Optional Action Not Implemented</s:Text></s:Reason></s:Fault>'
)


class OnvifServer:
    """Start, stop, start again.

    `off_s` is how wrong its clock is, `refuses` whether it knows nobody, `lacks` the operations that it does not have,
    `asked` how often each one was called; `without_soap`: what it lacks it answers with a page;
    `lapses`: at which pulls the subscription is over.
    """

    def __init__(self, port: int) -> None:
        self.port, self.off_s, self.refuses = port, 0.0, False
        self.accessed: list[str] = []
        self.asked: Counter[str] = Counter()
        self.lacks: set[str] = set()
        self.without_soap = False
        self.lapses: list[int] = []
        self._subscribed = False
        self._waiting: queue.Queue[str] = queue.Queue()
        self._server: ThreadingHTTPServer | None = None

    def notify(self, topic: str, source: dict[str, str], data: dict[str, str], utc: str | None = None) -> None:
        """Something happened; it is told at the next pull."""

        def items(part: str, of: dict[str, str]) -> str:
            simple = "".join(f"<tt:SimpleItem Name={quoteattr(k)} Value={quoteattr(v)}/>" for k, v in of.items())
            return f"<tt:{part}>{simple}</tt:{part}>"

        utc = utc or f"{datetime.fromtimestamp(time.time() + self.off_s, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        self._waiting.put(
            "<wsnt:NotificationMessage>"
            '<wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
            f"{escape(topic)}</wsnt:Topic><wsnt:Message>"
            f'<tt:Message UtcTime={quoteattr(utc)} PropertyOperation="Changed">'
            f"{items('Source', source)}{items('Data', data)}</tt:Message></wsnt:Message></wsnt:NotificationMessage>"
        )

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, text = outer._answer(body)
                page = outer.without_soap and text == _NOT_SUPPORTED
                answer = b"<html><br>no such thing</html>" if page else _SOAP.format(text).encode()
                self.send_response(404 if page else status)
                self.send_header("Content-Type", "text/html" if page else "application/soap+xml; charset=utf-8")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._subscribed = False
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, body: str) -> tuple[int, str]:
        operation = re.search(r"<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)", body)
        assert operation, body
        name = operation[1]
        if name == "GetSystemDateAndTime":
            return 200, self._date()
        self.asked[name] += 1
        if name in self.lacks or (name == "PullMessages" and self.asked[name] in self.lapses):
            return 500, _NOT_SUPPORTED
        if self.refuses or "UsernameToken" not in body or (name == "PullMessages" and not self._subscribed):
            return 400, _NOT_AUTHORIZED
        return 200, getattr(self, f"_{name}")(body)

    def _date(self) -> str:
        now = datetime.fromtimestamp(time.time() + self.off_s, UTC)
        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime>"
            f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
            f"<tt:Second>{now.second}</tt:Second></tt:Time>"
            f"<tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
            "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _GetServices(self, _body: str) -> str:  # noqa: N802
        names = {"device": "device", "events": "events", "doorcontrol": "doorcontrol"}
        services = "".join(
            f"<tds:Service><tds:Namespace>http://www.onvif.org/ver10/{name}/wsdl</tds:Namespace>"
            f"<tds:XAddr>http://127.0.0.1:{self.port}/onvif/{path}</tds:XAddr>"
            "<tds:Version><tt:Major>21</tt:Major><tt:Minor>6</tt:Minor></tds:Version></tds:Service>"
            for name, path in names.items()
        )
        return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"

    def _CreatePullPointSubscription(self, _body: str) -> str:  # noqa: N802
        self._subscribed = True
        return (
            "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
            f"<wsa5:Address>http://127.0.0.1:{self.port}/onvif/pull/1</wsa5:Address></tev:SubscriptionReference>"
            f"{self._times()}</tev:CreatePullPointSubscriptionResponse>"
        )

    def _PullMessages(self, _body: str) -> str:  # noqa: N802
        found = []
        try:
            found.append(self._waiting.get(timeout=0.2))
            while True:
                found.append(self._waiting.get_nowait())
        except queue.Empty:
            pass
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return (
            f"<tev:PullMessagesResponse><tev:CurrentTime>{now}</tev:CurrentTime>"
            f"<tev:TerminationTime>{now}</tev:TerminationTime>{''.join(found)}</tev:PullMessagesResponse>"
        )

    def _Renew(self, _body: str) -> str:  # noqa: N802
        return f"<wsnt:RenewResponse>{self._times()}</wsnt:RenewResponse>"

    def _Unsubscribe(self, _body: str) -> str:  # noqa: N802
        self._subscribed = False
        return "<wsnt:UnsubscribeResponse/>"

    def _AccessDoor(self, body: str) -> str:  # noqa: N802
        token = re.search(r"Token>([^<]+)<", body)
        self.accessed.append(token[1] if token else "")
        return "<tdc:AccessDoorResponse/>"

    def _times(self) -> str:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return f"<wsnt:CurrentTime>{now}</wsnt:CurrentTime><wsnt:TerminationTime>{now}</wsnt:TerminationTime>"
