"""JSON from outside: one decoder that maps every error that bytes can cause.

Deep nesting raises `RecursionError`, long numbers raise `OverflowError` or `ValueError`, and what asks for too much
memory raises `MemoryError`: none of them is a `msgspec.DecodeError`, so a caller that maps only that one fails.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from common.errors import ContractError, PaifangError

Result = TypeVar("Result")
EVERY = (
    msgspec.MsgspecError,
    ArithmeticError,  # OverflowError
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,  # UnicodeDecodeError, and what a `__post_init__` raises
)
"""What decoding bytes can raise."""


class JsonDecoder(Generic[Result]):
    """Decodes JSON into one type.

    Args:
        kind: The type.
        what: Name of the message, the beginning of an error's text; may be empty.
        error: What is raised.
    """

    def __init__(self, kind: type[Result], what: str = "", error: type[PaifangError] = ContractError) -> None:
        self._decoder: msgspec.json.Decoder[Result] = msgspec.json.Decoder(kind)
        self._what, self._error = what, error

    def decode(self, message: bytes | bytearray | memoryview | msgspec.Raw | str) -> Result:
        """The value in `message`.

        Raises:
            PaifangError: Of the class `error`: not JSON, nested too deeply, too large, a missing or a wrong field.
        """
        try:
            return self._decoder.decode(message)
        except EVERY as error:
            text = (
                "nested too deeply (recursion)"
                if isinstance(error, RecursionError)
                else str(error) or type(error).__name__
            )
            raise self._error(f"{self._what}: {text}" if self._what else text) from error


def decode_json(message: bytes | str, kind: type[Result], what: str = "") -> Result:
    """As `JsonDecoder(kind, what).decode(message)`, for a message that comes rarely.

    Raises:
        ContractError: As `JsonDecoder.decode`.
    """
    return JsonDecoder(kind, what).decode(message)


def decode_any(message: bytes | str, what: str = "") -> Any:
    """JSON of any shape.

    Raises:
        ContractError: As `JsonDecoder.decode`.
    """
    return _ANY.decode(message) if not what else JsonDecoder(object, what).decode(message)


_ANY: JsonDecoder[Any] = JsonDecoder(object)
