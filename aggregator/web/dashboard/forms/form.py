"""A form or a dialog of a page: fields by name, one action, errors at their field."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any, TypeVar

from nicegui import ui
from nicegui.elements.mixins.validation_element import ValidationElement

from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell.page_layout import html
from common.errors import PaifangError

Field = TypeVar("Field", bound="ValidationElement[Any]")
_ENTER = "(event) => { if (!event.isComposing) emit(); }"
"""Enter that chooses a word of an input method submits nothing."""


class Form:
    """Fields and what is done with them.

    Args:
        words: The user's texts.
        action: Raises an error of ours where a field is wrong; nothing typed is lost then.
    """

    def __init__(self, words: Texts, action: Callable[[], Awaitable[None]]) -> None:
        self._words, self._action = words, action
        self._fields: dict[str, ValidationElement[Any]] = {}
        self._message = html("", "form-error", props="role=alert data-testid=form-error")
        self._message.set_visibility(False)
        self._busy = False

    def field(self, name: str, element: Field) -> Field:
        """A field, under the name that errors call it."""
        self._fields[name] = element
        if isinstance(element, ui.input):
            element.on("keydown.enter", self.submit, js_handler=_ENTER)
        return element

    def button(self, label: str, test_id: str, classes: str = "main") -> None:
        """The button that does what Enter does."""
        html(escape(label), classes, "button", f"type=button data-testid={test_id}").on("click", self.submit)

    async def submit(self) -> None:
        """Do it, once at a time; an error stands at its field, or above the form."""
        if self._busy:
            return
        self._busy = True
        self.clear_errors()
        try:
            await self._action()
        except PaifangError as error:
            self.show_error(error)
        finally:
            self._busy = False

    def show_error(self, error: PaifangError) -> None:
        """Say what is wrong, where."""
        text, field = error_text(error, self._words), self._fields.get(error.field)
        if field is not None and not field.is_deleted:
            field.error = text
            field.run_method("focus")
        elif not self._message.is_deleted:
            self._message.set_content(escape(text))
            self._message.set_visibility(True)

    def clear_errors(self) -> None:
        """Before another try."""
        self._message.set_visibility(False)
        for field in self._fields.values():
            field.error = None


class Dialog:
    """A dialog with a form; it closes when the action is done, not before.

    Args:
        title: As HTML; what comes from outside is escaped.
        words: The user's texts.
        action: As for a form.
    """

    def __init__(self, title: str, words: Texts, action: Callable[[], Awaitable[None]]) -> None:
        self._words, self._action = words, action
        with ui.dialog() as self.dialog, ui.element("div").classes("ask") as self.body:
            html(title, tag="h2")
            self.form = Form(words, self._act)
        self.dialog.on("hide", self.dialog.delete)

    def open(
        self, confirm: str, test_id: str = "do-it", other: tuple[str, str, Callable[[], Awaitable[None]]] | None = None
    ) -> None:
        """Add the buttons and show it.

        Args:
            confirm: Label of the button that submits.
            test_id: Its mark.
            other: Label, mark and action of another choice; it closes the dialog first.
        """
        with self.body, ui.element("div").classes("acts"):
            self.form.button(confirm, test_id)
            if other is not None:
                label, mark, action = other
                button = html(escape(label), "", "button", f"type=button data-testid={mark}")
                button.on("click", lambda: self._choose(action))
            html(self._words["cancel"], "", "button", "type=button data-testid=cancel").on("click", self.dialog.close)
        self.dialog.open()

    async def _choose(self, action: Callable[[], Awaitable[None]]) -> None:
        try:
            await action()
        except PaifangError as error:
            self.form.show_error(error)
        else:
            self.dialog.close()

    async def _act(self) -> None:
        await self._action()
        self.dialog.close()
