// During an alarm flood low and medium alerts stand behind one line; critical and high ones never do. The list is then
// read without them, so that a flood of thousands costs nothing.

import { get } from "../shell/api.js";
import { chosenZone, clockText } from "../shell/clock.js";
import { h } from "../shell/dom.js";
import { scope } from "../shell/scope.js";
import { counted, t } from "../shell/texts.js";
import { millis } from "./words.js";

const KEPT = ["critical", "high"], FOLDED = ["low", "medium"];
const AGAIN_MS = 15000;

export class Flood {
  #state = { active: false };
  #opened = false;
  #listed = false; // whether the list was read folded

  // `changed` is told when the list is another one, and whether somebody has asked for it.
  constructor(filters, changed) {
    this.filters = filters;
    this.changed = changed;
    this.count = 0;
    this.since = h("b", { role: "status", test: "flood-since" });
    this.recent = h("span", { test: "flood-recent" });
    this.line = h("button", { type: "button", test: "flood-line", "aria-expanded": "false", onclick: () => this.#toggle() });
    this.element = h("div", { class: "flood", hidden: true, test: "flood" }, this.since, this.recent, this.line);
  }

  // Who asks for other alerts, or for a severity, gets what they ask for.
  get #possible() {
    const { severity, status } = this.filters.values;
    return this.#state.active && !severity && (!status || status === "open");
  }

  get folding() {
    return this.#possible && !this.#opened;
  }

  // Parameters of GET /api/alerts.
  query() {
    this.#listed = this.folding;
    return { ...this.filters.query(), ...(this.folding ? { severity: KEPT } : {}) };
  }

  // Whether a new alert is in the list.
  holds(alert) {
    return this.filters.holds(alert) && (!this.folding || KEPT.includes(alert.severity));
  }

  start() {
    setInterval(() => document.hidden || this.read(), AGAIN_MS);
    for (const name of ["paifang:reset", "paifang:back"]) addEventListener(name, () => this.read());
    return this.read();
  }

  // What cannot be read stays as it was; the bar says that the server does not answer.
  async read() {
    try {
      this.#state = await get("/api/flood");
    } catch {
      return;
    }
    if (!this.#state.active) this.#opened = false;
    await this.#tally().catch(() => {});
    this.draw();
    if (this.#listed !== this.folding) this.changed(false);
  }

  async #tally() {
    if (!this.#possible) return;
    const query = new URLSearchParams({ ...this.filters.query(), limit: 1 });
    FOLDED.forEach(it => query.append("severity", it));
    const { counts } = await get(`/api/alerts?${query}`);
    this.count = counts.low + counts.medium;
  }

  draw() {
    const { active, since, recent } = this.#state;
    this.element.hidden = !active;
    if (!active) return;
    const text = t("queue.flood", { time: clockText(new Date(millis(since)), chosenZone(scope.site)) });
    if (this.since.textContent !== text) this.since.textContent = text;
    this.recent.textContent = counted("queue.flood.recent", recent);
    this.line.hidden = !this.#possible || !this.count;
    this.line.textContent = counted("queue.flood.line", this.count);
    this.line.setAttribute("aria-expanded", String(this.#opened));
  }

  #toggle() {
    this.#opened = !this.#opened;
    this.draw();
    this.changed(true);
  }
}
