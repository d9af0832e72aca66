// Picture, clip and live view of an alert. Each says what it shows and when that was: the picture is of one event, the
// clip of the first one, and they may be far apart.

import { h } from "../shell/dom.js";
import { t } from "../shell/texts.js";
import { Tile } from "../live/tile.js";
import { kindName, millis, placeName, when, whenZone } from "./words.js";

const BEFORE_MS = 10000, AFTER_MS = 20000;

function framed(content, caption) {
  return h("figure", { class: "shot-figure" }, h("div", { class: "shot" }, content),
    h("figcaption", { text: caption, test: "media-caption" }));
}

export function eventPicture(alert, event) {
  if (!event.picture) return { element: framed(h("span", { text: t("queue.no_picture") }), placeName(alert)) };
  const caption = t("queue.picture.of", { place: placeName(alert), time: whenZone(event.time, alert.time_zone) });
  const image = h("img", { src: event.picture, alt: `${kindName(alert)}. ${caption}`, test: "alert-picture" });
  image.addEventListener("error", () => image.replaceWith(h("span", { text: t("queue.no_picture") })));
  return { element: framed(image, caption) };
}

export function clipView(alert) {
  const first = millis(alert.first), zone = alert.time_zone;
  const from = when(new Date(first - BEFORE_MS).toISOString(), zone);
  const to = whenZone(new Date(first + AFTER_MS).toISOString(), zone);
  const parts = [t("queue.clip.of", { place: placeName(alert), from, to })];
  if (alert.count > 1) parts.push(t("queue.clip.first", { time: whenZone(alert.last, zone) }));
  const video = h("video", {
    src: `/api/clips/${alert.id}`, controls: true, muted: true, playsInline: true, autoplay: true, test: "alert-clip",
    "aria-label": parts[0],
  });
  const element = framed(video, parts.join(" "));
  video.addEventListener("error", () => video.replaceWith(h("span", { role: "alert", text: t("queue.clip.failed") })));
  return {
    element, clip: alert.id,
    toggle: () => (video.paused ? video.play().catch(() => {}) : video.pause()),
    stop: () => { video.removeAttribute("src"); video.load(); },
  };
}

export function liveView(alert) {
  const tile = new Tile({ site: alert.site, box: alert.box, id: alert.camera, name: placeName(alert), time_zone: alert.time_zone });
  tile.play();
  return { element: tile.element, live: true, stop: () => tile.stop() };
}
