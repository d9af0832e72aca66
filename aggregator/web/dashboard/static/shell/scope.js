// The filter of site and area. It is part of the address, so that it survives a reload and can be shared.

import { byId, h } from "./dom.js";
import { get } from "./api.js";
import { data } from "./texts.js";

const site = byId("scope-site"), area = byId("scope-area");
const query = new URLSearchParams(location.search);
export const scope = { site: query.get("site") || "", area: query.get("area") || "" };
let places = null;

export const siteName = id => data.sites.find(it => it.id === id)?.name || id;

// Cameras, gates and doors that the user may know; read once for a page.
export function knownPlaces() {
  places ||= get("/api/places").then(answer => answer.places).catch(error => {
    places = null;
    throw error;
  });
  return places;
}

function choices(select, found, chosen) {
  const first = select.options[0];
  if (chosen && !found.some(([value]) => value === chosen)) found.push([chosen, chosen]);
  select.replaceChildren(first, ...found.map(([value, text]) => h("option", { value, text })));
  select.value = chosen;
  select.hidden = found.length < 1 || (found.length === 1 && !chosen);
}

async function fill() {
  const found = await knownPlaces().catch(() => []);
  const sites = new Map(data.sites.map(it => [it.id, it.name]));
  for (const it of found) {
    sites.set(it.site, it.site_name);
    if (!data.sites.some(known => known.id === it.site && known.zone)) {
      data.sites = data.sites.filter(known => known.id !== it.site);
      data.sites.push({ id: it.site, name: it.site_name, zone: it.time_zone });
    }
  }
  choices(site, [...sites].sort((a, b) => a[1].localeCompare(b[1])), scope.site);
  const areas = new Set(found.filter(it => !scope.site || it.site === scope.site).flatMap(it => it.areas));
  choices(area, [...areas].sort().map(name => [name, name]), scope.area);
}

function changed() {
  if (site.value !== scope.site) area.value = "";
  scope.site = site.value;
  scope.area = area.value;
  setQuery(scope);
  fill();
  dispatchEvent(new CustomEvent("paifang:scope"));
}

// Write values into the address; empty ones are left out.
export function setQuery(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
  const text = query.toString();
  history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
}

export function start() {
  if (!site) return;
  site.addEventListener("change", changed);
  area.addEventListener("change", changed);
  choices(site, data.sites.map(it => [it.id, it.name]), scope.site);
  choices(area, [], scope.area);
  fill();
}
