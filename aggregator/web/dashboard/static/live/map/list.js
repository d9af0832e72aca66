// The list beside the map: the symbols as text, the most urgent first.

import { may } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";
import { rank } from "./devices.js";
import { icon } from "./symbols.js";

const query = values => new URLSearchParams(values).toString();

// Where a symbol leads: the alerts of the device, else its tile; null where the reader may see neither.
export function leadsTo(it) {
  if (it.kind === "site") return `/map?${query({ site: it.site })}`;
  if (may.see) return `/?${query({ site: it.site, camera: it.id })}`;
  return null;
}

const live = it => (it.kind === "camera" && may.live ? `/live?${query({ camera: `${it.site}/${it.box}/${it.id}`, size: "1" })}` : null);

function row(it, chosen) {
  const film = live(it);
  return h("li", { class: `look-${it.look}` },
    h("button", { type: "button", class: "map-row", test: "map-row", "data-key": it.key, onclick: () => chosen(it.key) },
      icon(it.kind), h("b", { text: it.name }), h("span", { class: "state", text: `${t(`map.kind.${it.kind}`)} · ${it.text}` })),
    film && h("a", { href: film, text: t("map.live"), "aria-label": `${t("map.live")}: ${it.name}` }));
}

export function showList(element, symbols, chosen) {
  const focused = document.activeElement?.closest(".map-list [data-key]")?.dataset.key;
  const sorted = [...symbols].sort((a, b) => rank(a.look) - rank(b.look) || a.name.localeCompare(b.name));
  element.replaceChildren(...sorted.map(it => row(it, chosen)));
  if (focused) [...element.querySelectorAll("[data-key]")].find(it => it.dataset.key === focused)?.focus();
}
