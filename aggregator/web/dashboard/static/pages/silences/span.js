// From and until, in the site's time, with usual lengths at a click.

import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";
import { button, field, input } from "../forms.js";
import { endOfDay, toLocal, toUtc, zoneText } from "../times.js";

const HOURS = [1, 8, 24, 168];

export function spanFields(zone, days) {
  let its = zone;
  const from = input({ type: "datetime-local", test: "from" }), until = input({ type: "datetime-local", test: "until" });
  const start = () => (from.value ? Date.parse(toUtc(from.value, its)) : Date.now());
  const usual = [...HOURS.filter(it => it <= days * 24).map(it => [t(`silences.length.${it}`), () => toLocal(start() + it * 3600000, its)]),
    [t("silences.length.today"), () => endOfDay(its)]];
  const quick = h("div", { class: "quick", role: "group", "aria-label": t("silences.length") },
    ...usual.map(([text, value]) => button(text, () => { until.value = value(); until.dispatchEvent(new Event("input", { bubbles: true })); })));
  const hint = h("p", { class: "hint", test: "zone" });
  const show = () => { hint.textContent = t("silences.zone", { zone: zoneText(its) }); };
  show();
  return {
    elements: [h("div", { class: "grid" }, field("from", t("silences.from"), from), field("until", t("silences.until.field"), until)), hint, quick],
    zone(wanted) {
      its = wanted;
      show();
    },
    values: () => ({ from: from.value ? toUtc(from.value, its) : null, until: until.value ? toUtc(until.value, its) : "" }),
  };
}
