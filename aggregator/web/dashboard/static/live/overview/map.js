// The map of the overview: the plan of the chosen site or area, or the map of sites. Symbols lead nowhere.

import { h } from "../../shell/dom.js";
import { siteName } from "../../shell/scope.js";
import { t } from "../../shell/texts.js";
import { MapCanvas } from "../map/canvas.js";
import { rank } from "../map/devices.js";

export class OverviewMap {
  #drawn = "";

  constructor(devices) {
    this.devices = devices;
    this.canvas = h("div", { class: "map-canvas", test: "map-canvas" });
    this.name = h("h2", {});
    this.none = h("p", { class: "none", test: "map-none", text: t("overview.map.none"), hidden: true });
    this.element = h("section", { class: "panel map", "aria-label": t("overview.map"), test: "overview-map" }, this.name, this.none, this.canvas);
    this.map = new MapCanvas(this.canvas, { chosen: key => this.map.mark(key), moved: () => {} });
  }

  // Draws another picture only where it is another; states change in place.
  show(scope) {
    const plan = this.#plan(scope), located = plan ? [] : this.devices.locations.filter(it => !scope.site || it.site === scope.site);
    const symbols = plan ? plan.symbols.map(it => this.devices.shown(plan.site, it)) : located.map(it => this.devices.site(it));
    symbols.sort((a, b) => rank(b.look) - rank(a.look));
    const now = JSON.stringify(plan ? plan.picture : [located, this.devices.tiles]);
    const drawable = Boolean(plan || located.length);
    this.none.hidden = drawable;
    this.canvas.hidden = !drawable;
    this.element.classList.toggle("empty", !drawable);
    this.name.textContent = this.#title(plan, located);
    if (now === this.#drawn) this.map.update(symbols);
    else if (plan) this.map.showPlan(plan, symbols);
    else if (located.length) this.map.showSites(symbols, this.devices);
    else this.map.clear();
    this.#drawn = now;
  }

  // The plan of what is chosen; none where several sites are to be seen and their positions are known.
  #plan(scope) {
    const plans = this.devices.plans, of = (site, area) => plans.find(it => it.site === site && it.area === area);
    if (!scope.site && !scope.area && this.devices.locations.length > 1) return null;
    const site = scope.site || plans.find(it => !scope.area || it.area === scope.area)?.site || "";
    return of(site, scope.area) || of(site, "") || plans.find(it => it.site === site) || null;
  }

  #title(plan, located) {
    if (!plan) return t(located.length ? "map.sites" : "overview.map");
    return plan.area ? `${siteName(plan.site)} · ${plan.area}` : siteName(plan.site);
  }
}
