// The overview: figures and the map of sites and areas, to read only. It shows no pictures of cameras.

import { get } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { scope } from "../../shell/scope.js";
import { t } from "../../shell/texts.js";
import { Devices } from "../map/devices.js";
import { OverviewMap } from "./map.js";
import { areaRows, deviceTable, hourChart, openTiles, periodTiles, responseTable } from "./panels.js";

const EVERY_MS = 15000, SOON_MS = 1000;
const main = document.querySelector("main"), devices = new Devices();
let timer = 0, again = false, reading = false;

const problem = h("p", { class: "problem", role: "alert", test: "overview-problem", hidden: true });
const panel = (name, title) => {
  const body = h("div", { class: "body" });
  const element = h("section", { class: `panel ${name}`, test: `overview-${name}`, "aria-label": title }, h("h2", { text: title }), body);
  return { element, body };
};
const open = panel("open", t("overview.open")), opened = panel("opened", t("overview.opened"));
const areas = panel("areas", t("overview.areas")), responses = panel("responses", t("overview.responses"));
const kinds = panel("devices", t("overview.devices"));
const map = new OverviewMap(devices);
main.append(problem, open.element, map.element, areas.element, opened.element, responses.element, kinds.element);

// The figures of what the filter of site and area names; null where nothing of it is known.
function chosen(answer) {
  if (!scope.site && !scope.area) return answer.total;
  const site = answer.sites.find(it => it.site === scope.site) || (answer.sites.length === 1 ? answer.sites[0] : null);
  if (!scope.area) return site?.figures || null;
  return site?.areas.find(it => it.area === scope.area)?.figures || null;
}

function show(answer) {
  const figures = chosen(answer);
  for (const it of [open, opened, responses, kinds]) it.element.hidden = !figures;
  areas.body.replaceChildren(areaRows(answer, scope));
  if (!figures) return;
  open.body.replaceChildren(...openTiles(figures.open));
  opened.body.replaceChildren(periodTiles(figures), hourChart(figures.hours));
  responses.body.replaceChildren(responseTable(figures.responses));
  kinds.body.replaceChildren(deviceTable(figures.devices));
}

async function figuresNow() {
  const query = scope.site ? `?${new URLSearchParams({ site: scope.site })}` : "";
  show(await get(`/api/statistics/overview${query}`));
}

// Reads everything, or only what changes with alerts; one reading at a time.
async function read(all) {
  if (reading) {
    again = true;
    return;
  }
  reading = true;
  try {
    await Promise.all([figuresNow(), all ? devices.read() : devices.readAlerts()]);
    map.show(scope);
    problem.hidden = true;
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  } finally {
    reading = false;
  }
  if (again) {
    again = false;
    soon();
  }
}

// A burst of changes is read once.
function soon() {
  if (timer || document.hidden) return;
  timer = setTimeout(() => {
    timer = 0;
    read(false);
  }, SOON_MS);
}

addEventListener("paifang:changes", soon);
for (const name of ["paifang:reset", "paifang:back", "paifang:scope"]) addEventListener(name, () => read(true));
document.addEventListener("visibilitychange", () => document.hidden || read(true));
setInterval(() => document.hidden || read(true), EVERY_MS);
await read(true);
