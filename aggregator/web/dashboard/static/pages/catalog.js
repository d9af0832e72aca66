// Sites, areas and devices by their names, for fields and lists.

import { get, may } from "../shell/api.js";
import { knownPlaces } from "../shell/scope.js";
import { data, t } from "../shell/texts.js";
import { named, SEVERITIES } from "../queue/words.js";

const sites = new Map(data.sites.map(it => [it.id, it]));
let places = [];
const byName = (a, b) => a[1].localeCompare(b[1]);

export async function load() {
  const [found, boxes] = await Promise.all([knownPlaces(), may.places ? get("/api/boxes").then(it => it.boxes, () => []) : []]);
  places = found.concat(boxes.map(it => ({ kind: "box", site: it.site, id: it.box, areas: [],
    name: t("queue.box", { name: it.box }), time_zone: it.timezone })));
  for (const it of places) if (!sites.get(it.site)?.zone) sites.set(it.site, { id: it.site, name: sites.get(it.site)?.name || it.site_name || it.site, zone: it.time_zone });
}

let subjects = [];

// Devices and zones of recent alerts, also those that no box reports any more.
export async function loadRecent() {
  if (!may.see || subjects.length) return;
  const found = await get("/api/alerts?order=newest&status=all&suppressed=include&limit=200").then(it => it.alerts, () => []);
  for (const it of found) {
    if (!sites.has(it.site)) sites.set(it.site, { id: it.site, name: it.site_name, zone: it.time_zone });
    if (it.camera && !places.some(one => one.site === it.site && one.id === it.camera))
      places.push({ kind: "camera", site: it.site, id: it.camera, name: it.camera_name || it.camera, areas: it.area ? [it.area] : [], time_zone: it.time_zone });
    if (it.subject && !subjects.some(one => one.site === it.site && one.id === it.subject)) subjects.push({ site: it.site, id: it.subject });
  }
}

export const subjectOptions = wanted => [...new Set(subjects.filter(it => wanted.includes(it.site)).map(it => it.id))].sort().map(it => [it, it]);
export const learn = it => sites.has(it.id) || sites.set(it.id, it);
export const siteName = id => sites.get(id)?.name || id;
export const zoneOf = id => sites.get(id)?.zone || "";
export const siteOptions = () => [...sites.values()].map(it => [it.id, it.name]).sort(byName);
export const areaOptions = wanted => [...new Set(places.filter(it => wanted.includes(it.site)).flatMap(it => it.areas))].sort().map(it => [it, it]);
export const placeName = (id, among) => places.find(it => it.id === id && (!among?.length || among.includes(it.site)))?.name || id;

export function placeOptions(wanted) {
  const found = new Map();
  for (const it of places.filter(one => wanted.includes(one.site))) if (!found.has(it.id)) found.set(it.id, wanted.length > 1 ? `${it.name} · ${siteName(it.site)}` : it.name);
  return [...found].sort(byName);
}

export const kindName = id => named("kind", id);
export const objectName = id => named("object", id);
export const severityName = id => named("severity", id);
// Of an event's kind, not of one of its variants, and only where an alert can come of it.
export const kindOptions = () => Object.keys(data.texts).filter(it => /^kind\.\w+\.\w+$/.test(it)).map(it => it.slice(5))
  .filter(it => !data.kinds || data.kinds.includes(it)).map(it => [it, kindName(it)]).sort(byName);
export const objectOptions = () => Object.keys(data.texts).filter(it => /^object\.\w+$/.test(it)).map(it => [it.slice(7), t(it)]).sort(byName);
export const severityOptions = () => SEVERITIES.map(it => [it, severityName(it)]);
