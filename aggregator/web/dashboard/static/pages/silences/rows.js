// A silence, a maintenance window or a shelved device in words.

import { h } from "../../shell/dom.js";
import { counted, t } from "../../shell/texts.js";
import { whenZone } from "../../queue/words.js";
import * as catalog from "../catalog.js";
import { button } from "../forms.js";

const list = values => values.join(t("form.and"));

// What a matcher covers, field by field.
function matchText(match) {
  const parts = [
    ["site", match.site.map(catalog.siteName)], ["area", match.area], ["place", match.place.map(it => catalog.placeName(it, match.site))],
    ["kind", match.kind.map(catalog.kindName)], ["subject", match.subject], ["object", match.object.map(catalog.objectName)],
    ["severity", match.severity.map(catalog.severityName)],
  ];
  return parts.filter(([, values]) => values.length).map(([name, values]) => `${t(`silences.match.${name}`)}: ${list(values)}`).join(" · ");
}

function row(it, what, facts, zone, end) {
  const span = it.from ? t("silences.span", { from: whenZone(it.from, zone), until: whenZone(it.until, zone) })
    : t("silences.until", { until: whenZone(it.until, zone) });
  const by = it.ended_by ? t("silences.ended.by", { name: it.ended_by }) : "";
  return h("li", { class: `item ${it.state}`, test: "item" },
    h("div", { class: "item-head" }, h("span", { class: `tag ${it.state}`, text: t(`silences.state.${it.state}`) }), h("b", { text: what })),
    h("p", { text: it.reason, class: "reason" }),
    h("p", { class: "where", text: [...facts, span, t("silences.owner", { name: it.owner }), by].filter(Boolean).join(" · ") }),
    end ? button(t("silences.end"), end, { test: "end", "data-item": it.id, "aria-label": `${t("silences.end")} ${what}` }) : null);
}

export const silenceRow = (it, end) => row(it, matchText(it.match), [], catalog.zoneOf(it.match.site[0]), end);

export const weekday = day => t(`silences.day.${day}`);

export function windowRow(it, end) {
  const what = it.area && !it.devices.length ? t("silences.area.of", { area: it.area, site: catalog.siteName(it.site) })
    : `${list(it.devices.map(one => catalog.placeName(one, [it.site])))} · ${catalog.siteName(it.site)}`;
  const weekly = it.weekly && t("silences.weekly", { days: it.weekly.days.map(weekday).join(t("form.and")), at: it.weekly.at, minutes: it.weekly.minutes });
  return row(it, what, [weekly, it.critical && t("silences.critical.too")], catalog.zoneOf(it.site), end);
}

export function shelfRow(it, end) {
  const kind = it.kind ? catalog.kindName(it.kind) : t("silences.kind.all");
  return row(it, `${catalog.placeName(it.place, [it.site])} · ${kind}`,
    [catalog.siteName(it.site), it.alert && t("silences.shelf.alert"), it.mode === "one_shot" && t("silences.mode.one_shot.short"), it.critical && t("silences.critical.too")],
    catalog.zoneOf(it.site), end);
}

// What a silence would have hidden.
export function previewOf(found) {
  const rows = found.examples.map(it => h("li", { class: "example", test: "example" },
    h("span", { class: `tag severity ${it.severity}`, text: catalog.severityName(it.severity) }),
    h("b", { text: catalog.kindName(it.kind) }),
    h("span", { class: "where", text: [it.camera_name || it.camera, it.site_name, whenZone(it.last, it.time_zone), it.count > 1 && `×${it.count}`].filter(Boolean).join(" · ") })));
  const words = counted(found.complete ? "silences.preview.count" : "silences.preview.least", found.count);
  return h("div", { class: "preview", test: "preview", tabIndex: -1 }, h("p", { role: "status", test: "preview-count", text: words }),
    rows.length ? h("ul", { class: "examples", tabIndex: 0, "aria-label": t("silences.preview.examples") }, ...rows) : null,
    found.count > rows.length && rows.length ? h("p", { class: "hint", text: t("silences.preview.more", { count: rows.length }) }) : null);
}
