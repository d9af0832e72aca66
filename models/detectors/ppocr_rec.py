"""PP-OCRv4's reader of Chinese and Latin text: the first reader of plates. Runs at gates only.

Source: PaddleOCR's PP-OCRv4 as packed in rapidocr-onnxruntime; its dictionary stands in the file's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping

from common.errors import ModelError
from models.detectors.ctc_reader import CtcLine
from models.session import DEFAULT_OPTIONS, Options, Session

HEIGHT_PX = 48


class PpocrRec(CtcLine):
    """Reads a line of Chinese or Latin text.

    Args:
        model: ONNX bytes.
        parts: Companion files by name; none are needed.
        options: `threads`.

    Raises:
        ModelError: The bytes cannot be loaded, or hold no dictionary.
    """

    def __init__(self, model: bytes, parts: Mapping[str, bytes], options: Options = DEFAULT_OPTIONS) -> None:
        del parts
        session = Session(model, options.threads, lean=options.lean)
        if "character" not in session.metadata:
            raise ModelError("ppocr_rec holds no dictionary: its metadata has no key 'character'")
        # The file lists 6,623 characters; the space is the last column, as PaddleOCR's `use_space_char` has it.
        super().__init__(session, HEIGHT_PX, (*session.metadata["character"].split("\n"), " "))
