// Where a site is on the map of sites.

import { request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";
import { told } from "./editor.js";

export class Position {
  // `changed()` is called after the position was saved.
  constructor(changed) {
    this.changed = changed;
    const field = (name, most) => h("input", { type: "number", step: "any", min: -most, max: most, required: true, test: `site-${name}` });
    this.latitude = field("latitude", 85);
    this.longitude = field("longitude", 180);
    this.problem = h("p", { class: "problem", role: "alert", test: "site-problem", hidden: true });
    this.status = h("p", { class: "where", role: "status", test: "site-status" });
    this.forget = h("button", { type: "button", text: t("map.position.forget"), test: "site-forget", onclick: () => this.#do("DELETE") });
    this.element = h("details", { class: "map-position", hidden: true }, h("summary", { text: t("map.position") }),
      h("form", { onsubmit: event => this.#save(event) },
        h("label", {}, h("span", { text: t("map.latitude") }), this.latitude),
        h("label", {}, h("span", { text: t("map.longitude") }), this.longitude),
        h("button", { type: "submit", text: t("map.save"), test: "site-save" }), this.forget), this.problem, this.status);
  }

  open(site, location) {
    const other = this.site !== site;
    this.site = site;
    this.element.hidden = !site;
    this.forget.hidden = !location;
    if (!other) return;
    this.latitude.value = location?.latitude ?? "";
    this.longitude.value = location?.longitude ?? "";
  }

  #save(event) {
    event.preventDefault();
    this.#do("PUT", { latitude: Number(this.latitude.value), longitude: Number(this.longitude.value) });
  }

  async #do(method, body) {
    this.problem.hidden = true;
    this.status.textContent = "";
    try {
      await request(method, `/api/plans/${this.site}/location`, body);
      if (!body) this.latitude.value = this.longitude.value = "";
      await this.changed();
      this.status.textContent = t(body ? "map.saved" : "map.position.forgotten");
    } catch (error) {
      this.problem.textContent = told(error);
      this.problem.hidden = false;
    }
  }
}
