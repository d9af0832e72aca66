// A new maintenance window: devices or an area of a site, once or every week.

import { post } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { forget } from "../../shell/drafts.js";
import { t } from "../../shell/texts.js";
import * as catalog from "../catalog.js";
import { Choices } from "../choices.js";
import { button, check, field, form, input, select } from "../forms.js";
import { weekday } from "./rows.js";
import { spanFields } from "./span.js";

export function windowForm(close) {
  const sites = catalog.siteOptions();
  const site = select(sites, { test: "window-site", onchange: () => moved() });
  const devices = new Choices("devices", t("silences.match.place"), () => catalog.placeOptions([site.value]), { all: t("silences.devices.none"), free: true });
  const area = select([["", t("silences.area.none")]], { test: "window-area" });
  const reason = input({ test: "window-reason", maxLength: 200 });
  const critical = check(t("silences.critical"), { test: "window-critical" });
  const repeats = check(t("silences.repeats"), { test: "window-weekly", onchange: event => { weekly.hidden = !event.target.checked; } });
  const days = [1, 2, 3, 4, 5, 6, 7].map(it => check(weekday(it), { value: String(it) }));
  const at = input({ type: "time", value: "22:00", test: "window-at" }), minutes = input({ type: "number", min: 1, max: 1440, value: "120", test: "window-minutes" });
  const weekly = h("div", { class: "fold", hidden: true },
    h("div", { class: "field", "data-path": "weekly.days" }, h("div", { class: "checks inline", role: "group", "aria-label": t("silences.days") }, ...days),
      h("p", { class: "wrong", id: "wrong-days", hidden: true })),
    h("div", { class: "grid" }, field("weekly.at", t("silences.at"), at), field("weekly.minutes", t("silences.minutes"), minutes)));
  const span = spanFields(catalog.zoneOf(site.value), 366);

  function moved() {
    const areas = catalog.areaOptions([site.value]);
    area.replaceChildren(area.options[0], ...areas.map(([value, text]) => h("option", { value, text })));
    devices.chosen.clear();
    devices.show();
    span.zone(catalog.zoneOf(site.value));
  }
  moved();

  async function save() {
    const repeat = repeats.querySelector("input").checked;
    await post("/api/maintenance", {
      site: site.value, devices: devices.values, area: area.value || null, ...span.values(), reason: reason.value.trim(),
      critical: critical.querySelector("input").checked,
      weekly: repeat ? { days: days.map(it => it.querySelector("input")).filter(it => it.checked).map(it => Number(it.value)),
        at: at.value, minutes: Math.round(Number(minutes.value)) } : null,
    });
    forget(reason);
    close(t("silences.window.made"));
  }

  return form("window-form", t("silences.window.new"), [
    h("div", { class: "grid" }, field("site", t("silences.match.site"), site), devices.element, field("area", t("silences.area.whole"), area)),
    ...span.elements, repeats, weekly, critical, field("reason", t("silences.reason"), reason, t("silences.reason.hint")),
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: t("silences.window.save"), test: "window-send" }),
      button(t("queue.cancel"), () => close()))], save);
}
