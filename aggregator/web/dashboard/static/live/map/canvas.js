// A plan, or a map of sites, with the symbols that it is given, drawn by Leaflet.

import { h } from "../../shell/dom.js";
import { data, t } from "../../shell/texts.js";
import { dress, symbolElement } from "./symbols.js";

const { leaflet: L } = await import(`${data.leaflet}/index.js`);
document.head.prepend(h("link", { rel: "stylesheet", href: `${data.leaflet}/leaflet/leaflet.css` }));
const NEAREST = 16, NO_TILES_NEAREST = 14, ROOM_PX = 40;

export class MapCanvas {
  #map = null;
  #place = null;
  #markers = new Map();
  #editing = false;

  // `chosen(key)` and `moved(key, x, y)` are called when the user chooses or drags a symbol.
  constructor(element, { chosen, moved }) {
    this.element = element;
    this.chosen = chosen;
    this.moved = moved;
    new ResizeObserver(() => this.#map?.invalidateSize({ pan: false })).observe(element);
  }

  // A picture with symbols at x and y, 0 to 1 from its upper left corner.
  showPlan(plan, symbols) {
    const size = [[0, 0], [plan.height_px, plan.width_px]];
    this.#open({ crs: L.CRS.Simple, minZoom: -4, maxZoom: 2, maxBounds: L.latLngBounds(size).pad(0.5) });
    L.imageOverlay(plan.picture, size, { alt: t("map.picture") }).addTo(this.#map);
    this.#map.fitBounds(size, { animate: false });
    this.#place = it => [plan.height_px * (1 - it.y), plan.width_px * it.x];
    this.point = at => ({ x: at.lng / plan.width_px, y: 1 - at.lat / plan.height_px });
    this.update(symbols);
  }

  // Sites at their positions, on tiles where the settings name some.
  showSites(sites, { tiles, attribution }) {
    this.#open({ maxZoom: tiles ? 18 : NO_TILES_NEAREST, worldCopyJump: true });
    if (tiles) L.tileLayer(tiles, { attribution: text(attribution), maxZoom: 18 }).addTo(this.#map);
    L.control.scale({ imperial: false }).addTo(this.#map);
    this.#place = it => [it.latitude, it.longitude];
    const all = L.latLngBounds(sites.map(this.#place));
    this.#map.fitBounds(all, { animate: false, padding: [ROOM_PX, ROOM_PX], maxZoom: tiles ? NEAREST : 12 });
    this.update(sites);
  }

  clear() {
    this.#map?.remove();
    this.#map = null;
    this.#markers.clear();
  }

  // The symbols as they are now: those that are there stay the same elements and keep the focus.
  update(symbols) {
    if (!this.#map) return;
    const keys = new Set(symbols.map(it => it.key));
    for (const [key, marker] of this.#markers) if (!keys.has(key)) {
      marker.remove();
      this.#markers.delete(key);
    }
    for (const it of symbols) {
      const marker = this.#markers.get(it.key) || this.#add(it);
      marker.setLatLng(this.#place(it));
      dress(marker.options.icon.options.html, it);
    }
  }

  edit(on) {
    this.#editing = on;
    this.element.classList.toggle("editing", on);
  }

  mark(key) {
    for (const [name, marker] of this.#markers) marker.options.icon.options.html.classList.toggle("chosen", name === key);
  }

  focus(key) {
    this.#markers.get(key)?.options.icon.options.html.querySelector("button").focus();
  }

  #open(options) {
    this.clear();
    this.#map = L.map(this.element, { zoomSnap: 0.1, keyboard: false, fadeAnimation: false, zoomControl: false, ...options });
    this.#map.attributionControl.setPrefix(false);
    L.control.zoom({ position: "bottomright", zoomInTitle: t("map.zoom.in"), zoomOutTitle: t("map.zoom.out") }).addTo(this.#map);
  }

  #add(it) {
    const element = symbolElement(it, key => this.chosen(key));
    L.DomEvent.disableClickPropagation(element);
    element.addEventListener("pointerdown", event => this.#drag(event, it.key, element));
    element.addEventListener("focusin", () => {
      const at = this.#markers.get(it.key).getLatLng();
      if (!this.#map.getBounds().contains(at)) this.#map.panInside(at, { padding: [ROOM_PX, ROOM_PX], animate: false });
    });
    const icon = L.divIcon({ html: element, className: "map-marker", iconSize: [0, 0] });
    const marker = L.marker(this.#place(it), { icon, keyboard: false, interactive: false }).addTo(this.#map);
    this.#markers.set(it.key, marker);
    return marker;
  }

  // While editing, a symbol follows the pointer.
  #drag(event, key, element) {
    if (!this.#editing || event.button !== 0) return;
    const move = at => {
      const { x, y } = this.point(this.#map.mouseEventToLatLng(at));
      this.moved(key, x, y);
    };
    const end = () => {
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", end);
      element.removeEventListener("pointercancel", end);
    };
    this.chosen(key); // the capture below takes the button's click
    this.focus(key);
    element.setPointerCapture(event.pointerId);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
  }
}

// Leaflet takes HTML here; the attribution is text.
const text = value => h("span", { text: value }).innerHTML;
