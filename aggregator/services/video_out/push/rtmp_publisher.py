"""Publishes live video to an RTMP server (Adobe RTMP 1.0, with the video tags of FLV 10.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.fmp4_reader import VideoFormat
from aggregator.services.video_out.push import rtmp_messages as wire
from aggregator.services.video_out.push.push_address import PushTarget, Stream
from aggregator.services.video_out.push.rtmp_messages import ChunkReader, Value, chunks, encode
from common.errors import PushFailed

VERSION, HANDSHAKE_BYTES = 3, 1536
PING, PONG = 6, 7
_CONTROL, _COMMANDS, _VIDEO = 2, 3, 6
"""Chunk streams."""
_KEY, _INTER, _AVC = 0x10, 0x20, 7
_SPS, _PPS, _AUD = 7, 8, 9
_WINDOW = 2_500_000
_MOST_SAID = 80


@dataclass
class RtmpPublisher:
    """One publication.

    Args:
        stream: The connection.
        target: Application and stream are its path.
        random: Makes random bytes, for the handshake.
    """

    stream: Stream
    target: PushTarget
    random: Callable[[int], bytes]
    _chunks: ChunkReader = field(init=False)
    _stream_id: int = field(default=0, init=False)
    _window: int = field(default=0, init=False)
    _acknowledged: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._chunks = ChunkReader(self.stream[0])

    async def begin(self, form: VideoFormat) -> None:
        """Handshake, `connect`, `createStream`, `publish`, and the description of the video.

        Raises:
            PushFailed: The receiver refuses.
            asyncio.IncompleteReadError: It has closed the connection.
        """
        path, question, query = self.target.path.partition("?")
        application, _, name = path.strip("/").rpartition("/")
        await self._shake_hands()
        self._send(wire.SET_CHUNK_SIZE, wire.CHUNK_BYTES.to_bytes(4))
        about: dict[str, Value] = {
            "app": application, "type": "nonprivate", "flashVer": "FMLE/3.0 (compatible)",
            "tcUrl": f"{self.target.base}/{application}",
        }  # fmt: skip
        await self._ask(1, "connect", about)
        for transaction, command in ((2, "releaseStream"), (3, "FCPublish")):  # some servers want them, none answers no
            self._send(wire.COMMAND, encode(command, transaction, None, name + question + query))
        made = await self._ask(4, "createStream", None)
        if not made or not isinstance(made[-1], float) or not 0 <= made[-1] < 2**32:
            raise PushFailed("the receiver makes no stream")
        self._stream_id = int(made[-1])
        self._send(wire.COMMAND, encode("publish", 5, None, name + question + query, "live"), self._stream_id)
        await self._until("onStatus")
        self._describe(form)

    async def send(self, unit: AccessUnit, time_90khz: int) -> None:
        """Send a picture.

        Args:
            unit: The picture.
            time_90khz: When it is shown, since the first one.
        """
        units = [it for it in unit.units if it[0] & 31 not in (_SPS, _PPS, _AUD)]
        body = bytes([(_KEY if unit.key else _INTER) | _AVC, 1, 0, 0, 0])
        body += b"".join(len(it).to_bytes(4) + it for it in units)
        self._send(wire.VIDEO, body, self._stream_id, time_90khz // 90)
        await self.stream[1].drain()

    async def listen(self) -> None:
        """Answer what the receiver sends, until it ends the publication.

        Raises:
            PushFailed: It refuses the video.
            asyncio.IncompleteReadError: It has closed the connection.
        """
        while True:
            name, values = await self._command()
            if name == "onStatus":
                _check(values)

    async def end(self) -> None:
        """Say that there will be no more."""
        self._send(wire.COMMAND, encode("deleteStream", 6, None, self._stream_id))
        await self.stream[1].drain()

    async def _shake_hands(self) -> None:
        """Section 5.2: version and 1536 bytes each way, and each side's bytes back."""
        reader, writer = self.stream
        writer.write(bytes([VERSION]) + bytes(8) + self.random(HANDSHAKE_BYTES - 8))
        answer = await reader.readexactly(1 + HANDSHAKE_BYTES)
        if answer[0] != VERSION:
            raise PushFailed("the receiver does not speak RTMP")
        writer.write(answer[1:])
        await reader.readexactly(HANDSHAKE_BYTES)

    def _describe(self, form: VideoFormat) -> None:
        about: dict[str, Value] = {
            "width": form.width_px, "height": form.height_px, "videocodecid": _AVC, "encoder": "Paifang",
        }  # fmt: skip
        self._send(wire.DATA, encode("@setDataFrame", "onMetaData", about), self._stream_id)
        record = form.avcc[:4] + b"\xff" + form.avcc[5:]  # lengths of four bytes, whatever the box has
        self._send(wire.VIDEO, bytes([_KEY | _AVC, 0, 0, 0, 0]) + record, self._stream_id)

    async def _ask(self, transaction: int, command: str, about: Value) -> list[Value]:
        """A command and the values of its answer, beginning with the transaction."""
        self._send(wire.COMMAND, encode(command, transaction, about))
        return await self._until("_result", transaction)

    async def _until(self, name: str, transaction: int | None = None) -> list[Value]:
        while True:
            got, values = await self._command()
            if got == name and (transaction is None or values[:1] == [transaction]):
                if name == "onStatus":
                    _check(values)
                return values
            if got == "_error" and (transaction is None or values[:1] == [transaction]):
                raise PushFailed(f"the receiver refused: {_said(values)}")

    async def _command(self) -> tuple[str, list[Value]]:
        """The next command; control messages before it are answered."""
        while True:
            kind, body = await self._chunks.message()
            self._acknowledge()
            if kind == wire.USER_CONTROL and body[:2] == PING.to_bytes(2):
                self._send(wire.USER_CONTROL, PONG.to_bytes(2) + body[2:6])
            elif kind == wire.WINDOW and len(body) >= 4:
                self._window = int.from_bytes(body[:4])
            elif kind == wire.BANDWIDTH:
                self._send(wire.WINDOW, _WINDOW.to_bytes(4))
            elif kind in (wire.COMMAND, wire.COMMAND_AMF3):
                values = wire.decode(body[1:] if kind == wire.COMMAND_AMF3 else body)
                if values and isinstance(values[0], str):
                    return values[0], values[1:]

    def _acknowledge(self) -> None:
        """Section 5.4.3: after half of the receiver's window."""
        if self._window and (self._chunks.received - self._acknowledged) % 2**32 >= max(1, self._window // 2):
            self._acknowledged = self._chunks.received
            self._send(wire.ACKNOWLEDGEMENT, self._acknowledged.to_bytes(4))

    def _send(self, kind: int, body: bytes, stream: int = 0, time_ms: int = 0) -> None:
        channel = _CONTROL if kind < wire.VIDEO else _VIDEO if kind == wire.VIDEO else _COMMANDS
        self.stream[1].write(chunks(kind, body, channel=channel, stream=stream, time_ms=time_ms))


def _check(values: list[Value]) -> None:
    about = next((it for it in values if isinstance(it, dict)), {})
    if about.get("level") == "error" or "Unpublish" in str(about.get("code", "")):
        raise PushFailed(f"the receiver refused: {_said(values)}")


def _said(values: list[Value]) -> str:
    """What a receiver gives as reason, cut and without control characters."""
    about = next((it for it in values if isinstance(it, dict) and "code" in it), {})
    return "".join(it for it in str(about.get("code", "no reason given")) if it.isprintable())[:_MOST_SAID]
