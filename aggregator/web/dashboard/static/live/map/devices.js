// What stands on a map: devices and sites with their names, states and open alerts, as the API has them now.

import { get, may } from "../../shell/api.js";
import { siteName } from "../../shell/scope.js";
import { counted, has, t } from "../../shell/texts.js";
import { SEVERITIES } from "../../queue/words.js";

const LOST = ["lost", "refused", "covered", "frozen", "offline"];
const RANK = ["critical", "high", "forced", "lost", "medium", "held", "low", "open", "unknown", "ok"];
export const keyOf = it => `${it.kind}/${it.site}/${it.box}/${it.id}`;
export const rank = look => RANK.indexOf(look);

export class Devices {
  #places = new Map();
  #counts = new Map();
  plans = [];
  locations = [];
  tiles = "";
  attribution = "";

  // Plans, places, boxes and open alerts; throws what the API says.
  async read() {
    const none = { places: [], boxes: [] };
    const [plans, places, boxes, alerts] = await Promise.all([get("/api/plans"), get("/api/places"),
      may.places ? get("/api/boxes") : none, may.see ? get("/api/places/alerts") : none]);
    Object.assign(this, plans);
    const all = [...places.places, ...boxes.boxes.map(it => ({ ...it, kind: "box", id: it.box, name: it.box, areas: [] }))];
    this.#places = new Map(all.map(it => [keyOf(it), it]));
    this.#count(alerts.places);
  }

  // Only the open alerts.
  async readAlerts() {
    if (may.see) this.#count((await get("/api/places/alerts")).places);
  }

  #count(places) {
    this.#counts = new Map(places.map(it => [`${it.site}/${it.id}`, it]));
  }

  all() {
    return [...this.#places.values()];
  }

  // A device as it is shown. One that no box reports any more keeps its id as its name.
  shown(site, symbol) {
    const place = this.#places.get(keyOf({ ...symbol, site }));
    const counts = this.#counts.get(`${site}/${symbol.id}`);
    const severity = counts && SEVERITIES.find(it => counts[it]);
    const state = stateOf(symbol.kind, place);
    const look = severity && rank(severity) < rank(state.look) ? severity : state.look;
    const total = counts ? SEVERITIES.reduce((sum, it) => sum + counts[it], 0) : 0;
    const open = total ? `${counted("map.alerts", total)} (${t(`severity.${severity}`)})` : "";
    return { ...symbol, site, key: keyOf({ ...symbol, site }), name: place?.name || symbol.id, look, total, lost: state.look === "lost",
      text: [state.text, open].filter(Boolean).join(" · ") };
  }

  // A site with the worst of its devices and alerts.
  site(location) {
    const devices = this.all().filter(it => it.site === location.site).map(it => this.shown(it.site, it));
    const worst = devices.reduce((look, it) => (rank(it.look) < rank(look) ? it.look : look), devices.length ? "ok" : "unknown");
    const total = devices.reduce((sum, it) => sum + it.total, 0), wrong = devices.filter(it => LOST.includes(it.look)).length;
    return { ...location, kind: "site", key: `site/${location.site}`, name: siteName(location.site), look: worst, total,
      text: [total ? counted("map.alerts", total) : t("map.alerts.none"), wrong ? counted("map.lost", wrong) : ""].filter(Boolean).join(" · ") };
  }
}

function stateOf(kind, place) {
  if (!place) return { look: "unknown", text: t("map.unknown") };
  if (kind === "box" || kind === "gate")
    return { look: place.online ? "ok" : "lost", text: t(place.online ? "shell.online" : "shell.offline") };
  const key = `${kind}.state.${place.state}`, text = has(key) ? t(key) : place.state;
  if (LOST.includes(place.state)) return { look: "lost", text };
  if (["forced", "held", "open", "unknown"].includes(place.state)) return { look: place.state, text };
  return { look: place.state === "starting" ? "unknown" : "ok", text };
}
