// Ctrl+K: jump to a page, camera, gate, door, alert or case by typing a part of its name.

import { get, may } from "./api.js";
import { byId, h, typing } from "./dom.js";
import { knownPlaces } from "./scope.js";
import { data, t } from "./texts.js";
import { kindName, placeName } from "../queue/words.js";

const MOST = 12;
let dialog = null, entries = [], shown = [], current = 0;

const inText = (it, words) => words.every(word => it.search.includes(word));
const entry = (kind, name, about, href) => ({ kind, name, about, href, search: `${name} ${about}`.toLowerCase() });
const query = values => new URLSearchParams(values).toString();

function place(it) {
  const where = it.kind === "camera" && may.live ? `/live?${query({ camera: `${it.site}/${it.box}/${it.id}` })}`
    : it.kind !== "camera" && may.gates ? "/gates"
    : may.see ? `/?${query({ site: it.site, camera: it.id })}` : "/devices";
  return entry(t(`shell.kind.${it.kind}`), it.name, it.site_name, where);
}

function alert(it) {
  return entry(t("shell.kind.alert"), `${kindName(it)} · ${placeName(it)}`, it.site_name, `/?alert=${it.id}`);
}

async function load() {
  entries = data.pages.map(it => entry(t("shell.kind.page"), it.name, "", it.path));
  const some = (path, pick) => get(path).then(pick).catch(() => []);
  const found = await Promise.all([
    knownPlaces().then(places => places.map(place)).catch(() => []),
    may.see ? some("/api/alerts?order=urgency&status=open&limit=200", it => it.alerts.map(alert)) : [],
    may.cases
      ? some("/api/cases", it => it.cases.map(one => entry(t("shell.kind.case"), one.reference, one.purpose || "",
        `/search?${query({ case: one.reference })}`)))
      : [],
  ]);
  entries.push(...found.flat());
  if (dialog?.open) show();
}

function show() {
  const words = dialog.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = entries.filter(it => inText(it, words)).slice(0, MOST);
  current = Math.min(current, Math.max(0, shown.length - 1));
  dialog.querySelector("ul").replaceChildren(...shown.map((it, number) => h("li", {
    role: "option", id: `palette-${number}`, "aria-selected": String(number === current), test: "palette-entry",
    onclick: () => location.assign(it.href),
  }, h("small", { text: it.kind }), h("span", { text: it.name }), h("small", { text: it.about }))));
  const input = dialog.querySelector("input");
  shown.length ? input.setAttribute("aria-activedescendant", `palette-${current}`)
    : input.removeAttribute("aria-activedescendant");
  dialog.querySelector("[role=status]").textContent = shown.length ? "" : t("shell.find.none");
}

function pressed(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && shown.length) {
    current = (current + step + shown.length) % shown.length;
    event.preventDefault();
    show();
  } else if (event.key === "Enter" && shown[current]) {
    event.preventDefault();
    location.assign(shown[current].href);
  }
}

function open() {
  if (!dialog) {
    const input = h("input", {
      type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
      "aria-label": t("shell.find"), placeholder: t("shell.find"), test: "palette-input", autocomplete: "off",
      oninput: () => { current = 0; show(); }, onkeydown: pressed,
    });
    dialog = h("dialog", { class: "palette", "aria-label": t("shell.find"), test: "palette" }, input,
      h("ul", { role: "listbox", id: "palette-list", "aria-label": t("shell.find") }), h("p", { role: "status" }));
    document.body.append(dialog);
  }
  dialog.querySelector("input").value = "";
  current = 0;
  dialog.showModal();
  show();
  load();
}

export function start() {
  byId("palette-open").addEventListener("click", open);
  addEventListener("keydown", event => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    } else if (event.key === "/" && !typing(event.target) && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      open();
    }
  });
}
