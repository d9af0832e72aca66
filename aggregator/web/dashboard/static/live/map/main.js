// The map: a plan with its devices by state, or the sites of a district; a list beside it; placing devices.

import { may } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { onStates } from "../../shell/feed.js";
import { scope, setQuery, siteName } from "../../shell/scope.js";
import { counted, data, t } from "../../shell/texts.js";
import { viewSwitch } from "../switch.js";
import { MapCanvas } from "./canvas.js";
import { Devices } from "./devices.js";
import { Editor, told } from "./editor.js";
import { leadsTo, showList } from "./list.js";
import { Position } from "./position.js";

const SOON_MS = 1000, SITES = "*";
const main = document.querySelector("main"), devices = new Devices();
let targets = [], current = null, drawn = "", offered = "", timer = 0;

const choice = h("select", { test: "map-choice", "aria-label": t("map.choose"), onchange: () => choose(choice.value) });
const edit = h("button", { type: "button", test: "map-edit", "aria-pressed": "false", hidden: true, text: t("map.edit"), onclick: () => toggle() });
const none = h("p", { class: "none", test: "map-none", hidden: true });
const problem = h("p", { class: "problem", role: "alert", test: "map-problem", hidden: true });
const summary = h("p", { class: "where", role: "status", test: "map-summary" });
const element = h("div", { class: "map-canvas", role: "region", "aria-label": t("map.picture"), test: "map-canvas" });
const list = h("ul", { class: "map-list", test: "map-list" });
const canvas = new MapCanvas(element, { chosen, moved: (key, x, y) => editor.move(key, x, y) });
const editor = new Editor(canvas, devices, read), position = new Position(read);
const side = h("section", { class: "map-side", "aria-label": t("map.list") }, h("h2", { text: t("map.list") }), summary, list, position.element);
const heading = side.querySelector("h2");
const layout = h("div", { class: "map-layout" }, element, side);
main.append(h("div", { class: "map-bar" }, viewSwitch("map"), choice, edit), problem, none, editor.element, layout);

const nameOf = it => (it === SITES ? t("map.sites") : it.area ? `${siteName(it.site)} · ${it.area}` : siteName(it.site));
const versionOf = it => `${valueOf(it)} ${it.plan?.version}`;
const valueOf = it => (it === SITES ? SITES : `${it.site}/${it.area}`);

// What can be shown: the map of sites, the plans, and for those who edit also what has no plan yet.
function allTargets() {
  const found = new Map(devices.plans.map(plan => [`${plan.site}/${plan.area}`, { site: plan.site, area: plan.area, plan }]));
  const wish = (site, area) => found.has(`${site}/${area}`) || found.set(`${site}/${area}`, { site, area, plan: null });
  if (may.plan) {
    data.sites.forEach(it => wish(it.id, ""));
    for (const it of devices.all()) for (const area of ["", ...it.areas]) wish(it.site, area);
  }
  const plans = [...found.values()].filter(it => !scope.site || it.site === scope.site)
    .sort((a, b) => Boolean(b.plan) - Boolean(a.plan) || nameOf(a).localeCompare(nameOf(b)));
  return devices.locations.length && !scope.site ? [SITES, ...plans] : plans;
}

function symbols() {
  if (current === SITES) return devices.locations.map(it => devices.site(it));
  if (editor.active) return editor.shown();
  return (current?.plan?.symbols || []).map(it => devices.shown(current.site, it));
}

function chosen(key) {
  if (editor.active) {
    editor.choose(key);
    if (document.activeElement?.closest(".map-list")) canvas.focus(key);
    return;
  }
  const found = symbols().find(it => it.key === key), where = found && leadsTo(found);
  if (where) location.assign(where);
  else canvas.mark(key);
}

function choose(value) {
  if (editor.dirty) {
    choice.value = valueOf(current);
    editor.problem.textContent = t("map.unsaved");
    editor.problem.hidden = false;
    return;
  }
  current = targets.find(it => valueOf(it) === value) || current;
  setQuery({ plan: valueOf(current) });
  show();
}

function toggle() {
  if (editor.dirty) return choose("");
  if (editor.active) editor.close();
  else editor.open(current);
  return show();
}

// Draws another picture only where it is another: the view stays as the user has moved it.
function draw() {
  const now = JSON.stringify(current === SITES ? [devices.locations, devices.tiles] : current?.plan?.picture || "");
  if (now === drawn) return canvas.update(symbols());
  drawn = now;
  if (current === SITES) canvas.showSites(symbols(), devices);
  else if (current?.plan) canvas.showPlan(current.plan, symbols());
  else canvas.clear();
  return undefined;
}

function show() {
  const named = targets.map(it => [valueOf(it), nameOf(it) + (it === SITES || it.plan ? "" : ` (${t("map.no_plan")})`)]);
  if (JSON.stringify(named) !== offered) choice.replaceChildren(...named.map(([value, text]) => h("option", { value, text })));
  offered = JSON.stringify(named);
  choice.hidden = targets.length < 2;
  if (current) choice.value = valueOf(current);
  edit.hidden = !may.plan || !current || current === SITES;
  if (editor.active && current === SITES) editor.close();
  else if (editor.active && !editor.dirty && versionOf(editor.target) !== versionOf(current)) editor.open(current);
  edit.setAttribute("aria-pressed", String(editor.active));
  const drawable = current === SITES || Boolean(current?.plan);
  layout.hidden = !drawable && !may.plan;
  element.hidden = !drawable;
  none.hidden = drawable;
  heading.textContent = t(current === SITES ? "map.sites" : "map.list");
  none.textContent = t(may.plan && current ? "map.none.edit" : "map.none");
  position.open(may.plan && current && current !== SITES ? current.site : "", devices.locations.find(it => it.site === current?.site));
  states();
}

function states() {
  draw();
  const shown = symbols(), wrong = shown.filter(it => !["ok", "unknown"].includes(it.look)).length;
  summary.textContent = shown.length ? counted(wrong ? "map.wrong" : "map.fine", wrong || shown.length) : t("map.empty");
  showList(list, shown, chosen);
}

async function read() {
  try {
    await devices.read();
    problem.hidden = true;
  } catch (error) {
    problem.textContent = told(error);
    problem.hidden = false;
    return undefined;
  }
  if (editor.dirty) return states();
  targets = allTargets();
  const given = new URLSearchParams(location.search).get("plan"), wish = current ? valueOf(current) : given;
  const first = targets.find(it => it !== SITES && it.site === scope.site && it.area === scope.area);
  const usual = devices.locations.length > 1 ? targets[0] : targets.find(it => it !== SITES) || targets[0];
  current = targets.find(it => valueOf(it) === wish) || first || usual || null;
  return show();
}

// States arrive with the changes of alerts; a burst of them is read once.
function soon() {
  if (!may.see || timer || document.hidden) return;
  timer = setTimeout(async () => {
    timer = 0;
    await devices.readAlerts().then(states, () => {});
  }, SOON_MS);
}

addEventListener("paifang:changes", soon);
addEventListener("paifang:reset", read);
addEventListener("paifang:back", read);
addEventListener("paifang:scope", () => {
  if (!editor.dirty) current = null;
  read();
});
document.addEventListener("visibilitychange", () => document.hidden || read());
onStates(read);
await read();
