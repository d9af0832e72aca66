// A symbol is a button with an icon by kind, a colour and a mark by state, and its name below.

import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  camera: "M3 7h11v10H3zM14 11l7-4v10l-7-4",
  door: "M6 21V3h12v18M3 21h18M14 12h.01",
  gate: "M5 21V8M5 9h15M9 9v3M13 9v3M17 9v3M2 21h6",
  box: "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01",
  site: "M4 21V10l8-6 8 6v11zM10 21v-6h4v6",
};
const MARKS = { lost: "×", unknown: "?", forced: "!", held: "!", open: "○" };

export function icon(kind) {
  const svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[kind] || PATHS.box);
  svg.append(path);
  return svg;
}

export const labelOf = it => t("map.symbol", { kind: t(`map.kind.${it.kind}`), name: it.name, state: it.text });

export function symbolElement(it, chosen) {
  const button = h("button", { type: "button", test: "map-symbol", onclick: () => chosen(it.key) },
    h("span", { class: "view", hidden: true, "aria-hidden": "true" }), h("span", { class: "badge", "aria-hidden": "true" }), icon(it.kind));
  const element = h("div", { class: "map-symbol" }, button, h("span", { class: "map-name", "aria-hidden": "true" }));
  dress(element, it);
  return element;
}

// Name, state and direction of a symbol that is there.
export function dress(element, it) {
  const [button, name] = element.children, [view, badge] = button.children;
  for (const name of [...element.classList]) if (name.startsWith("look-")) element.classList.remove(name);
  element.classList.add(it.kind, `look-${it.look}`);
  element.classList.toggle("gone", Boolean(it.lost));
  element.dataset.key = it.key;
  name.textContent = it.name;
  button.setAttribute("aria-label", labelOf(it));
  badge.textContent = it.total ? String(Math.min(it.total, 99)) : MARKS[it.look] || "";
  badge.hidden = !badge.textContent;
  view.hidden = it.direction === undefined || it.direction === null;
  view.style.rotate = `${it.direction || 0}deg`;
}
