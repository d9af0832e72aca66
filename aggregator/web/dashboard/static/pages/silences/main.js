// Silences, maintenance windows and shelved devices: what is quiet now, later, and was; and forms for new ones.

import { get, may, post } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { setQuery } from "../../shell/scope.js";
import { t } from "../../shell/texts.js";
import * as catalog from "../catalog.js";
import { button, check, confirmed, failing } from "../forms.js";
import { shelfRow, silenceRow, windowRow } from "./rows.js";
import { shelfForm } from "./shelf_form.js";
import { silenceForm } from "./silence_form.js";
import { windowForm } from "./window_form.js";

const EVERY_MS = 15000;
const PARTS = [
  { name: "silence", list: "/api/silences", key: "silences", row: silenceRow, form: silenceForm, may: may.silence, end: "/api/silences" },
  { name: "window", list: "/api/maintenance", key: "windows", row: windowRow, form: windowForm, may: may.silence, end: "/api/maintenance" },
  { name: "shelf", list: "/api/sources/shelved", key: "shelves", row: shelfRow, form: shelfForm, may: may.work, end: "/api/sources/shelved" },
];
const main = document.querySelector("main");
const given = new URLSearchParams(location.search);
const problem = h("p", { class: "problem", role: "alert", hidden: true, test: "page-problem" });
const status = h("p", { class: "done", role: "status", test: "page-status" });
const flood = h("p", { class: "note", hidden: true, test: "flood" });
const ended = check(t("silences.ended.show"), { checked: given.get("ended") === "1", test: "show-ended", onchange: event => {
  setQuery({ ended: event.target.checked ? "1" : "" });
  read();
} });
const place = h("div", { class: "opened" });

async function open(part) {
  const close = (text = "") => {
    place.replaceChildren();
    setQuery({ new: "", ...Object.fromEntries([...new URLSearchParams(location.search).keys()].filter(it => it.startsWith("match.")).map(it => [it, ""])) });
    status.textContent = text;
    if (text) read();
    main.querySelector(`[data-testid=new-${part.name}]`)?.focus();
  };
  status.textContent = "";
  setQuery({ new: part.name });
  await catalog.loadRecent();
  place.replaceChildren(part.form(close));
  place.querySelector("summary, input, select, textarea")?.focus();
}

function end(part, it) {
  confirmed(t(`silences.${part.name}.end`), t(`silences.${part.name}.end.about`), t("silences.end.now"), async () => {
    await post(`${part.end}/${encodeURIComponent(it.id)}/end`, {});
    status.textContent = t(`silences.${part.name}.ended`);
    await read();
  });
}

function section(part) {
  part.items = h("ul", { class: "items", test: `${part.name}-list` });
  return h("section", { "aria-labelledby": `${part.name}-head` },
    h("div", { class: "head" }, h("h2", { id: `${part.name}-head`, text: t(`silences.${part.name}.list`) }),
      part.may ? button(t(`silences.${part.name}.new`), () => open(part), { test: `new-${part.name}` }) : null),
    h("p", { class: "hint", text: t(`silences.${part.name}.about`) }), part.items);
}

function show(part, found) {
  const focused = document.activeElement?.dataset?.item;
  part.items.replaceChildren(...found.map(it => part.row(it, part.may && it.state !== "ended" && (() => end(part, it)))));
  if (!found.length) part.items.append(h("li", { class: "none", text: t(`silences.${part.name}.none`) }));
  if (focused) part.items.querySelector(`[data-item="${CSS.escape(focused)}"]`)?.focus();
}

async function read() {
  const query = ended.querySelector("input").checked ? "?state=all" : "";
  try {
    const found = await Promise.all(PARTS.map(it => get(it.list + query)));
    PARTS.forEach((part, number) => show(part, found[number][part.key]));
    problem.hidden = true;
    const now = await get("/api/flood");
    flood.hidden = !now.active;
    flood.textContent = t("silences.flood", { count: now.recent });
  } catch (error) {
    failing(problem)(error);
  }
}

main.append(problem, status, flood, place, h("div", { class: "head" }, h("p", { class: "hint", text: t("silences.about") }), ended), ...PARTS.map(section));
await catalog.load().catch(() => {});
const first = PARTS.find(it => it.name === given.get("new") && it.may);
if (first) await open(first);
await read();
setInterval(() => document.hidden || document.querySelector("dialog[open]") || read(), EVERY_MS);
addEventListener("paifang:back", read);
