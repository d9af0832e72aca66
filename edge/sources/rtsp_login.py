"""Whether FFmpeg's own log-in answers a camera's challenges rightly. Pure."""

from __future__ import annotations

from urllib.parse import quote

from common.secret.digest import Challenge, Login, best

_FFMPEG_HASHES = ("", "MD5", "MD5-sess")
_FFMPEG_BYTES = {"realm": 199, "nonce": 299, "opaque": 299, "login": 127}
"""What FFmpeg 8 keeps of each (`libavformat/httpauth.h`, `rtsp.h`); it cuts the rest off."""


def ffmpeg_can(offered: list[Challenge], credentials: Login) -> bool:
    """Whether FFmpeg's own log-in answers rightly: it knows MD5, and takes the last of several Digest challenges."""
    digests = [it for it in offered if it.scheme == "digest"]
    if not all(it.alone for it in offered) or len(digests) > 1 or best(offered) is None:
        return False
    pair = f"{quote(credentials.username, safe='')}:{quote(credentials.password.reveal(), safe='')}"
    used = {"login": pair} | {
        name: it.parameters.get(name, "") for it in digests for name in ("realm", "nonce", "opaque")
    }
    if any(len(text.encode()) > _FFMPEG_BYTES[name] for name, text in used.items()):
        return False
    quoting = any(sign in text for sign in '"\\' for text in (credentials.username, *list(used.values())[1:]))
    one = digests[0] if digests else None
    return one is None or (
        one.known
        and one.parameters.get("algorithm", "") in _FFMPEG_HASHES
        and one.qop in ("", "auth")
        and one.parameters.get("userhash", "").lower() != "true"
        and not quoting
    )
