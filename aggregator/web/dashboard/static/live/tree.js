// Sites, their areas and cameras beside the wall. A camera is put on a tile by dragging it there, or on the first one
// by Enter or a click.

import { h } from "../shell/dom.js";
import { counted, has, t } from "../shell/texts.js";
import { placeOf } from "./arrangement.js";
import { BROKEN } from "./tile.js";

export const DRAGGED = "text/x-paifang-camera";

const broken = cameras => cameras.filter(it => BROKEN.includes(it.state)).length;
const grouped = (cameras, name) => Object.entries(Object.groupBy(cameras, name)).sort(([a], [b]) => a.localeCompare(b));

// `put(place)` is called for a camera that was chosen.
export function cameraTree(put) {
  const element = h("aside", { class: "wall-tree", "aria-label": t("wall.tree"), test: "wall-tree" });

  const item = it => h("li", {}, h("button", {
    type: "button", draggable: true, test: "tree-camera", class: BROKEN.includes(it.state) ? "broken" : "",
    text: BROKEN.includes(it.state) && has(`camera.state.${it.state}`) ? `${it.name} · ${t(`camera.state.${it.state}`)}` : it.name,
    onclick: () => put(placeOf(it)),
    ondragstart: event => event.dataTransfer.setData(DRAGGED, placeOf(it)),
  }));

  function branch(name, cameras, open, ...content) {
    const wrong = broken(cameras);
    return h("details", { open, "data-branch": name }, h("summary", {}, h("span", { text: name }),
      wrong ? h("span", { class: "wrong-count", text: counted("wall.broken", wrong) }) : null), ...content);
  }

  function show(cameras) {
    const closed = new Set([...element.querySelectorAll("details:not([open])")].map(it => it.dataset.branch));
    element.replaceChildren(h("p", { class: "hint", text: t("wall.tree.help") }),
      ...grouped(cameras, it => it.site_name || it.site).map(([site, all]) => branch(site, all, !closed.has(site),
        ...grouped(all.filter(it => it.areas.length), it => it.areas[0]).map(([area, some]) =>
          branch(area, some, !closed.has(area), h("ul", {}, ...some.map(item)))),
        h("ul", {}, ...all.filter(it => !it.areas.length).map(item)))));
  }

  return { element, show };
}
