// The switch between the wall and the map. The filter of site and area is taken along.

import { may } from "../shell/api.js";
import { h } from "../shell/dom.js";
import { t } from "../shell/texts.js";

// `current` is "live" or "map". Who may see only one of the two gets no switch.
export function viewSwitch(current) {
  if (!may.live || !may.plans) return null;
  const link = (page, text) => h("a", { href: `/${page}`, text, test: `view-${page}`,
    "aria-current": page === current ? "page" : null,
    onclick: event => {
      const query = new URLSearchParams(location.search), kept = new URLSearchParams();
      for (const name of ["site", "area"]) if (query.get(name)) kept.set(name, query.get(name));
      event.currentTarget.href = `/${page}${kept.size ? `?${kept}` : ""}`;
    } });
  return h("div", { class: "view-switch", role: "group", "aria-label": t("wall.view") },
    link("live", t("wall.view.wall")), link("map", t("wall.view.map")));
}
