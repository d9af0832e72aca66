// Times in a site's own zone. The clock in the bar shows the chosen site's time, with its zone.

import { byId } from "./dom.js";
import { data } from "./texts.js";

const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const formats = new Map();

function format(zone, options) {
  const key = `${zone} ${JSON.stringify(options)}`;
  if (!formats.has(key)) {
    try {
      formats.set(key, new Intl.DateTimeFormat("sv-SE", { timeZone: zone || own, ...options }));
    } catch {
      formats.set(key, new Intl.DateTimeFormat("sv-SE", { timeZone: "UTC", ...options }));
    }
  }
  return formats.get(key);
}

const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const DAY = { year: "numeric", month: "2-digit", day: "2-digit" };

// The time of day; with the date where it is not today's at the site.
export function clockText(moment, zone) {
  const time = format(zone, TIME).format(moment), day = format(zone, DAY).format(moment);
  return day === format(zone, DAY).format(new Date()) ? time : `${day} ${time}`;
}

// The date and the time, such as 2026-11-27 18:00:00.
export const dateTime = (moment, zone) => format(zone, { ...DAY, ...TIME }).format(moment);

export const momentText = (moment, zone) => `${clockText(moment, zone)} ${zoneName(zone, moment)}`;

const names = new Map();

// The zone's short name, such as GMT+8.
export function zoneName(zone, moment = new Date()) {
  const key = `${zone} ${moment.getMonth()}`;
  if (!names.has(key)) {
    try {
      const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone || own, timeZoneName: "short" });
      names.set(key, parts.formatToParts(moment).find(it => it.type === "timeZoneName").value);
    } catch {
      names.set(key, "UTC");
    }
  }
  return names.get(key);
}

// How long ago, as 0:42, 3:12:05 or 2 d.
export function age(from_ms, now_ms = Date.now()) {
  const seconds = Math.max(0, Math.floor((now_ms - from_ms) / 1000));
  if (seconds >= 172800) return `${Math.floor(seconds / 86400)} d`;
  const two = number => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600), rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest.replace(/^0/, "");
}

export function chosenZone(site) {
  const found = data.sites.find(it => it.id === site) || (data.sites.length === 1 ? data.sites[0] : null);
  return found ? found.zone : "";
}

export function start(site, ahead) {
  const place = byId("clock");
  const tick = () => {
    const zone = chosenZone(site()), now = new Date(Date.now() - ahead());
    place.textContent = `${format(zone, TIME).format(now)} ${zoneName(zone, now)}`;
  };
  setInterval(tick, 1000);
  tick();
}
