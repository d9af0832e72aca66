// Who is on call, and who is notified when nobody answers; changes of it; messages that could not be delivered.

import { get, may } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { setQuery } from "../../shell/scope.js";
import { t } from "../../shell/texts.js";
import * as catalog from "../catalog.js";
import { button, failing, field, select } from "../forms.js";
import { ownTargets } from "../notifications/targets.js";
import { deadLetters } from "./dead_letters.js";
import * as drafts from "./draft.js";
import { editor } from "./editor.js";
import { overview } from "./view.js";

const EVERY_MS = 30000;
const main = document.querySelector("main");
const given = new URLSearchParams(location.search);
const problem = h("p", { class: "problem", role: "alert", hidden: true, test: "page-problem" });
const status = h("p", { class: "done", role: "status", test: "page-status" });
const choice = h("div", {}), place = h("div", { test: "site-escalation" }), letters = h("section", {}), tests = h("section", {});
let sites = [], chosen = given.get("site") || "", editing = false;

function show() {
  const it = sites.find(one => one.site === chosen) || sites[0];
  if (!it) {
    place.replaceChildren(h("p", { class: "none", text: t("escalation.no_site") }));
    return;
  }
  chosen = it.site;
  const kept = may.escalation ? drafts.read(it.site) : null;
  if (editing || kept) {
    if (!editing || !place.querySelector("form")) edit(it, kept);
    return;
  }
  place.replaceChildren(...overview(it, may.escalation ? button(t("escalation.edit"), () => edit(it, null), { test: "edit", class: "main" }) : null));
}

function edit(it, kept) {
  editing = true;
  status.textContent = "";
  place.replaceChildren(editor(it, kept, async (saved, warnings) => {
    editing = false;
    drafts.forget(it.site);
    if (saved) status.textContent = [t("escalation.saved"), ...warnings].join(" ");
    await read();
    place.querySelector("[data-testid=edit]")?.focus();
  }));
  place.querySelector("h2")?.scrollIntoView({ block: "nearest" });
}

function offer() {
  if (sites.length < 2) return choice.replaceChildren();
  const sel = select(sites.map(it => [it.site, it.site_name]), { test: "escalation-site", value: chosen, onchange: event => {
    chosen = event.target.value;
    editing = false;
    setQuery({ site: chosen });
    show();
  } });
  sel.value = chosen;
  choice.replaceChildren(field("site", t("shell.site"), sel));
}

async function read() {
  try {
    sites = (await get("/api/escalation")).sites;
    for (const it of sites) catalog.learn({ id: it.site, name: it.site_name, zone: it.time_zone });
    if (!sites.some(it => it.site === chosen)) chosen = (sites.find(it => Object.keys(it.escalation.chains).length) || sites[0])?.site || "";
    show();
    problem.hidden = true;
  } catch (error) {
    failing(problem)(error);
  }
}

main.append(problem, status, choice, place, tests, letters);
await catalog.load().catch(() => {});
await read();
offer();
tests.append(h("div", { class: "head" }, h("h2", { text: t("escalation.test") }), h("a", { href: "/notifications", text: t("notify.page") })),
  h("p", { class: "hint", text: t("escalation.test.about") }), ownTargets(false).element);
if (may.letters) deadLetters(letters);
else letters.remove();
setInterval(() => document.hidden || editing || read(), EVERY_MS);
addEventListener("paifang:back", () => editing || read());
