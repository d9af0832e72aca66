// The rows: 56 px each, only those in sight are in the document.

import { h } from "../shell/dom.js";
import { t } from "../shell/texts.js";
import { fresh, open } from "./model.js";
import { ageOf, countText, flagTexts, kindName, placeName, severityName, stateText } from "./words.js";

export const ROW_PX = 56;
const SPARE = 6, AGES_MS = 1000;

export class List {
  #rows = new Map();
  #asked = false;

  constructor(model, manySites) {
    this.model = model;
    this.manySites = manySites;
    this.space = h("div", { class: "space", role: "presentation" });
    this.element = h("div", {
      class: "rows", role: "listbox", tabIndex: 0, id: "queue-rows", test: "alerts", "aria-multiselectable": "true",
      "aria-label": t("queue.list"),
    }, this.space);
    this.element.addEventListener("scroll", () => this.soon(), { passive: true });
    this.element.addEventListener("click", event => this.#clicked(event));
    new ResizeObserver(() => this.soon()).observe(this.element);
    for (const name of ["list", "rows", "checked", "selected"]) model.addEventListener(name, () => this.soon());
    model.addEventListener("selected", () => this.reveal());
    setInterval(() => this.#ages(), AGES_MS);
  }

  soon() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.draw();
    });
  }

  // Bring the selected row into sight, moving as little as possible.
  reveal() {
    const top = this.model.selected * ROW_PX, view = this.element;
    if (this.model.selected < 0) return;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + ROW_PX > view.scrollTop + view.clientHeight) view.scrollTop = top + ROW_PX - view.clientHeight;
  }

  // Where the selected row is on the screen; `hold` puts it there again after the list was read.
  offset() {
    return this.model.selected < 0 ? null : this.model.selected * ROW_PX - this.element.scrollTop;
  }

  hold(offset) {
    if (offset === null || this.model.selected < 0) return;
    this.space.style.height = `${this.model.rows.length * ROW_PX}px`;
    this.element.scrollTop = this.model.selected * ROW_PX - offset;
  }

  draw() {
    const { rows, selected } = this.model, view = this.element;
    this.space.style.height = `${rows.length * ROW_PX}px`;
    const first = Math.max(0, Math.floor(view.scrollTop / ROW_PX) - SPARE);
    const last = Math.min(rows.length, Math.ceil((view.scrollTop + view.clientHeight) / ROW_PX) + SPARE);
    this.model.more(last);
    const wanted = new Set(rows.slice(first, last).map(it => it.id));
    if (rows[selected]) wanted.add(rows[selected].id); // the active descendant stays in the document
    for (const [id, row] of this.#rows)
      if (!wanted.has(id)) {
        row.element.remove();
        this.#rows.delete(id);
      }
    for (const id of wanted) this.#place(id);
    const current = rows[selected];
    current ? view.setAttribute("aria-activedescendant", `alert-${current.id}`)
      : view.removeAttribute("aria-activedescendant");
  }

  #place(id) {
    const place = this.model.index.get(id), alert = this.model.rows[place];
    let row = this.#rows.get(id);
    if (!row) {
      row = { element: h("div", { role: "option", id: `alert-${id}`, test: "alert-row", "data-alert": id }) };
      this.#rows.set(id, row);
      this.space.append(row.element);
    }
    const checked = this.model.checked.has(id), current = place === this.model.selected;
    const key = `${place} ${checked} ${current} ${this.model.rows.length}`;
    if (row.alert === alert && row.key === key) return;
    row.element.style.transform = `translateY(${place * ROW_PX}px)`;
    row.element.className = `row ${alert.severity} ${state(alert)}${current ? " current" : ""}${checked ? " checked" : ""}`;
    row.element.setAttribute("aria-selected", String(checked));
    row.element.setAttribute("aria-posinset", String(place + 1));
    row.element.setAttribute("aria-setsize", String(this.model.next ? -1 : this.model.rows.length));
    if (row.alert !== alert) this.#fill(row, alert);
    row.key = key;
  }

  #fill(row, alert) {
    const flags = flagTexts(alert).map(text => h("span", { class: "flag", text }));
    row.age = h("span", { class: "age", text: ageOf(alert) });
    row.alert = alert;
    row.element.dataset.last = alert.last;
    row.element.replaceChildren(
      h("span", { class: "tick", "data-tick": "" }),
      h("span", { class: "severity", test: "alert-severity", text: severityName(alert) }),
      h("span", { class: "what" }, h("b", { text: kindName(alert), test: "alert-kind" }),
        h("span", { class: "times", test: "alert-count", text: countText(alert) }), ...flags),
      row.age,
      h("span", { class: "where", text: this.manySites() ? `${placeName(alert)} · ${alert.site_name}` : placeName(alert) }),
      h("span", { class: "standing", test: "alert-state", text: stateText(alert) }),
    );
  }

  #ages() {
    for (const row of this.#rows.values()) {
      const text = ageOf(row.alert);
      if (row.age.textContent !== text) row.age.textContent = text;
    }
  }

  #clicked(event) {
    const id = event.target.closest("[data-alert]")?.dataset.alert;
    if (!id) return;
    if (event.target.closest("[data-tick]") || event.ctrlKey || event.metaKey) this.model.toggle(id);
    else this.model.select(this.model.index.get(id));
    this.element.dispatchEvent(new CustomEvent("picked", { bubbles: true }));
  }
}

const state = alert => (!open(alert) ? "closed" : alert.suppression ? "suppressed" : fresh(alert) ? "fresh" : "taken");
