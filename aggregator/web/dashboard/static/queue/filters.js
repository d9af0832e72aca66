// Which alerts the list shows. The filter stands in the address: it survives a reload and can be sent to a colleague.

import { chosenZone } from "../shell/clock.js";
import { h } from "../shell/dom.js";
import { scope, setQuery } from "../shell/scope.js";
import { t } from "../shell/texts.js";
import { kindOptions, severityOptions } from "../pages/catalog.js";
import { toUtc } from "../pages/times.js";
import { millis } from "./words.js";

const HOURS = { hour: 1, shift: 8, day: 24, week: 168 };
const given = new URLSearchParams(location.search);

export class Filters {
  constructor(changed) {
    this.changed = changed;
    this.values = Object.fromEntries(["severity", "kind", "status", "time", "camera", "suppressed", "from", "to"]
      .map(name => [name, given.get(name) || ""]));
    this.element = h("div", { class: "filters", role: "group", "aria-label": t("queue.filters") },
      this.#select("status", [["closed", t("queue.status.closed")], ["all", t("queue.status.all")]], t("queue.status.open")),
      this.#select("severity", severityOptions(), t("queue.severity.all")),
      this.#select("kind", kindOptions(), t("queue.kind.all")),
      this.#select("time", [...Object.keys(HOURS), "range"].map(it => [it, t(`queue.time.${it}`)]), t("queue.time.all")),
      this.range = h("span", { class: "range", hidden: this.values.time !== "range" }, this.#moment("from"), this.#moment("to")),
      this.#select("suppressed", [["include", t("queue.suppressed.include")], ["only", t("queue.suppressed.only")]],
        t("queue.suppressed.exclude")),
      this.clear = h("button", { type: "button", class: "quiet", text: t("queue.filter.clear"), test: "filter-clear",
        onclick: () => this.#reset() }));
    this.#show();
  }

  #select(name, choices, first) {
    const all = [["", first], ...choices];
    const value = all.some(it => it[0] === this.values[name]) ? this.values[name] : "";
    this.values[name] = value;
    const select = h("select", { "aria-label": t(`queue.filter.${name}`), test: `filter-${name}`,
      onchange: event => this.#set(name, event.target.value) },
      ...all.map(([it, text]) => h("option", { value: it, text })));
    select.value = value;
    return select;
  }

  #moment(name) {
    return h("label", {}, h("span", { text: t(`queue.filter.${name}`) }), h("input", { type: "datetime-local",
      value: this.values[name], test: `filter-${name}`, onchange: event => this.#set(name, event.target.value) }));
  }

  #set(name, value) {
    this.values[name] = value;
    if (name === "time") {
      this.range.hidden = value !== "range";
      if (value !== "range") this.values.from = this.values.to = "";
    }
    setQuery(this.values);
    this.#show();
    this.changed();
  }

  #reset() {
    for (const name of Object.keys(this.values)) this.values[name] = "";
    for (const field of this.element.querySelectorAll("select, input")) field.value = "";
    this.range.hidden = true;
    setQuery(this.values);
    this.#show();
    this.changed();
  }

  #show() {
    this.clear.hidden = !Object.values(this.values).some(Boolean);
  }

  // The parameters of GET /api/alerts. Older ones are read by time, newest first. The span is in the site's time.
  query() {
    const { severity, kind, status, camera, suppressed, time, from, to } = this.values;
    const found = { status: status || "open", severity, kind, camera, site: scope.site, area: scope.area, suppressed };
    if (HOURS[time]) found.from = new Date(Date.now() - HOURS[time] * 3600000).toISOString();
    if (time === "range") {
      const zone = chosenZone(scope.site);
      found.from = toUtc(from, zone);
      found.to = toUtc(to, zone);
    }
    if (found.status !== "open") found.order = "newest";
    return Object.fromEntries(Object.entries(found).filter(([, value]) => value));
  }

  // Whether a new alert would be in the list.
  holds(alert) {
    const { severity, kind, camera, status, suppressed } = this.values, { to } = this.query();
    return (status || "open") !== "closed" && suppressed !== "only" && (!to || millis(alert.first) < Date.parse(to)) && (!severity || alert.severity === severity) && (!kind || alert.kind === kind)
      && (!camera || alert.camera === camera) && (!scope.site || alert.site === scope.site)
      && (!scope.area || alert.area === scope.area);
  }
}
