// Local times of a site ↔ UTC: fields hold the site's time, whatever zone the browser is in.

import { dateTime, zoneName } from "../shell/clock.js";

const read = (ms, zone) => dateTime(new Date(ms), zone).replace(" ", "T");
const offset = (ms, zone) => Date.parse(`${read(ms, zone)}Z`) - Math.floor(ms / 1000) * 1000;

// The value of a `datetime-local` field.
export const toLocal = (ms, zone) => read(ms, zone).slice(0, 16);

// RFC 3339 in UTC of a site's local time such as 2026-11-27T18:00; empty where there is none.
export function toUtc(local, zone) {
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return "";
  let found = wanted - offset(wanted, zone);
  found = wanted - offset(found, zone);
  return new Date(found).toISOString().replace(".000Z", "Z");
}

export const endOfDay = zone => toLocal(Date.parse(toUtc(`${toLocal(Date.now(), zone).slice(0, 10)}T00:00`, zone)) + 86400000, zone);

export const zoneText = (zone, ms = Date.now()) => {
  const short = zoneName(zone, new Date(ms));
  return zone && zone !== short ? `${zone}, ${short}` : short;
};
