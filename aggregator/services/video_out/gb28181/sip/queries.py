"""Answers a platform's MESSAGE (GB/T 28181-2016, 9.3 to 9.6): catalogue, device, status; all else is refused. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aggregator.services.video_out.gb28181.sip import manscdp
from aggregator.services.video_out.gb28181.sip.calls import Refused
from aggregator.services.video_out.gb28181.sip.message import SipMessage
from aggregator.services.video_out.gb28181.sip.requests import Account
from common.errors import ContractError


@dataclass
class Queries:
    """Answers queries.

    Args:
        account: Who the device is.
        version: Of the software.
        local_time: The present.

    Attributes:
        channels: Id of a camera → what the catalogue says of it.
    """

    account: Account
    version: str
    local_time: Callable[[], datetime]
    channels: Mapping[str, manscdp.Item] = field(default_factory=dict, init=False)

    def answer(self, request: SipMessage) -> list[bytes]:
        """The messages that answer one; none, where it needs no answer.

        Raises:
            Refused: It cannot be read, or is control of a device.
        """
        if request.get("content-type").partition(";")[0].strip().lower() != manscdp.CONTENT_TYPE.lower():
            raise Refused(415, f"The body must be {manscdp.CONTENT_TYPE}")
        try:
            query = manscdp.parse(request.body)
        except ContractError as error:
            raise Refused(400, str(error)) from error
        if query.root == "Control":
            raise Refused(403, "Control is not supported")
        if query.root == "Response":
            return []
        answer = _ANSWERS.get(query.command) if query.root == "Query" else None
        known = query.device == self.account.device or query.device in self.channels
        return answer(self, query) if answer is not None and known else [manscdp.refusal(query)]

    def _catalogue(self, query: manscdp.Query) -> list[bytes]:
        items = [it for it in self.channels.values() if query.device in (self.account.device, it.id)]
        return manscdp.catalogue(query, items, self.account.device)

    def _info(self, query: manscdp.Query) -> list[bytes]:
        item = self.channels.get(query.device)
        name, channels = (self.account.name, len(self.channels)) if item is None else (item.name, 1)
        return [manscdp.device_info(query, name, channels, self.version)]

    def _status(self, query: manscdp.Query) -> list[bytes]:
        item = self.channels.get(query.device)
        time = self.local_time().strftime("%Y-%m-%dT%H:%M:%S")
        return [manscdp.device_status(query, item is None or item.online, time)]


_ANSWERS = {"Catalog": Queries._catalogue, "DeviceInfo": Queries._info, "DeviceStatus": Queries._status}
"""`CmdType` → who answers."""
