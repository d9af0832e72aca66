// The panels of the overview, made from the API's figures.

import { h } from "../../shell/dom.js";
import { counted, t } from "../../shell/texts.js";
import { SEVERITIES } from "../../queue/words.js";
import { difference, duration, share } from "./numbers.js";

const STATES = ["unacknowledged", "acknowledged", "assigned"], KINDS = ["camera", "door", "box"];
const PERIODS = ["hour", "day", "week"];
const SVG = "http://www.w3.org/2000/svg";
const MOST_ROWS = 60;

const sum = states => STATES.reduce((total, it) => total + states[it], 0);

// One tile for each severity: open alerts and their states.
export function openTiles(open) {
  return SEVERITIES.map(severity => {
    const states = open[severity], total = sum(states);
    return h("div", { class: `tile ${severity} ${total ? "some" : "no"} ${states.unacknowledged ? "unseen" : ""}`, test: `open-${severity}` },
      h("span", { class: "label", text: t(`severity.${severity}`) }), h("b", { class: "number", text: String(total) }),
      h("span", { class: "states" }, STATES.filter(it => states[it] || it === "unacknowledged").map(it => h("span", { class: it, text: t(`overview.state.${it}`, { count: states[it] }) }))));
  });
}

// Alerts opened in the last hour, day and week, each with the period before it.
export function periodTiles(figures) {
  return h("div", { class: "periods" }, PERIODS.map(it => {
    const { total, before } = figures[`last_${it}`], way = Math.sign(total - before);
    return h("div", { class: "period", test: `opened-${it}` },
      h("span", { class: "label", text: t(`overview.last.${it}`) }), h("b", { class: "number", text: String(total) }),
      h("span", { class: `trend ${["less", "same", "more"][way + 1]}`, text: t(`overview.trend.${it}`, { difference: difference(total, before) }) }));
  }));
}

// A column for each of the last 24 hours.
export function hourChart(hours) {
  const most = Math.max(...hours), total = hours.reduce((all, it) => all + it, 0);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${hours.length * 10} 40`);
  svg.setAttribute("preserveAspectRatio", "none");
  hours.forEach((count, number) => {
    const column = document.createElementNS(SVG, "rect"), height = count ? Math.max((38 * count) / most, 1.5) : 0.5;
    for (const [name, value] of Object.entries({ x: number * 10 + 1, y: 40 - height, width: 8, height })) column.setAttribute(name, value);
    svg.append(column);
  });
  return h("div", { class: "hours", role: "img", test: "overview-hours", "aria-label": t("overview.hours.label", { total, most }) }, svg,
    h("div", { class: "caption", "aria-hidden": "true" }, h("span", { text: t("overview.hours.first") }), h("span", { text: t("overview.hours.most", { most }) }), h("span", { text: t("overview.hours.now") })));
}

const table = (heads, rows) => h("table", {}, h("thead", {}, h("tr", {}, heads.map(text => h("th", { scope: "col", text })))), h("tbody", {}, rows));
const cell = text => h("td", { text });

// Median and 95th percentile by severity, of the last week.
export function responseTable(responses) {
  const rows = SEVERITIES.map(it => {
    const times = responses[it];
    return h("tr", { class: it, test: `response-${it}` }, h("th", { scope: "row", text: t(`severity.${it}`) }),
      cell(times ? duration(times.median_s) : "–"), cell(times ? duration(times.p95_s) : "–"), cell(String(times?.count || 0)));
  });
  return table([t("overview.severity"), t("overview.median"), t("overview.p95"), t("overview.answered")], rows);
}

// Devices that work now, and how much of the last day they worked.
export function deviceTable(devices) {
  const rows = KINDS.filter(it => devices[it]).map(it => {
    const { total, working, availability } = devices[it];
    return h("tr", { class: working < total ? "wrong" : "", test: `devices-${it}` }, h("th", { scope: "row", text: t(`overview.kind.${it}`) }),
      cell(`${working} / ${total}`), cell(share(availability)));
  });
  if (!rows.length) return h("p", { class: "none", text: t("overview.devices.none") });
  return table([t("overview.kind"), t("overview.working"), t("overview.availability")], rows);
}

// Sites with their areas (or the areas of the chosen site), the most urgent first.
export function areaRows(answer, scope) {
  const several = answer.sites.length > 1;
  const found = answer.sites.flatMap(it => {
    const rows = it.areas.map(area => ({ name: several ? `${it.name} · ${area.area}` : area.area, area: area.area, figures: area.figures }));
    return [{ name: it.name, area: "", figures: it.figures }, ...rows];
  }).filter(it => !scope.area || it.area === scope.area || !it.area);
  found.sort((a, b) => urgency(b.figures) - urgency(a.figures) || a.name.localeCompare(b.name));
  if (!found.length) return h("p", { class: "none", text: t("overview.areas.none") });
  const left = found.length - MOST_ROWS + answer.left_out;
  return h("div", {}, table([t("overview.area"), ...SEVERITIES.map(it => t(`severity.${it}`)), t("overview.broken")], found.slice(0, MOST_ROWS).map(areaRow)),
    left > 0 && h("p", { class: "where", text: counted("overview.areas.more", left) }));
}

function areaRow({ name, figures }) {
  const broken = KINDS.reduce((count, it) => count + (figures.devices[it] ? figures.devices[it].total - figures.devices[it].working : 0), 0);
  return h("tr", { test: "overview-area" }, h("th", { scope: "row", text: name }), SEVERITIES.map(it => {
    const states = figures.open[it], total = sum(states);
    const said = t("overview.cell", { total, unacknowledged: states.unacknowledged });
    return h("td", { class: `${it} ${total ? "some" : ""} ${states.unacknowledged ? "unseen" : ""}` },
      h("span", { "aria-hidden": "true", text: total ? String(total) : "–" }), h("span", { class: "said", text: said }));
  }), h("td", { class: broken ? "broken" : "", text: broken ? String(broken) : "–" }));
}

// Unacknowledged alerts count before acknowledged ones, and a severity before all below it.
function urgency(figures) {
  return SEVERITIES.reduce((value, it) => value * 1000 + Math.min(figures.open[it].unacknowledged, 999), 0)
    + Math.min(SEVERITIES.reduce((total, it) => total + sum(figures.open[it]), 0), 999) / 1000;
}
