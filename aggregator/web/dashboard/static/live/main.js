// The wall: several cameras at once. Only the tiles in sight play.

import { get, may } from "../shell/api.js";
import { h } from "../shell/dom.js";
import { knownPlaces, scope, setQuery } from "../shell/scope.js";
import { t } from "../shell/texts.js";
import { viewSwitch } from "./switch.js";
import { BROKEN, Tile } from "./tile.js";

const SIZES = [1, 2, 3], PATROL_MS = 20000, STILL_MS = 30000, SOON_MS = 1000;
const main = document.querySelector("main"), given = new URLSearchParams(location.search);
let size = SIZES.includes(Number(given.get("size"))) ? Number(given.get("size")) : 2;
let cameras = [], tiles = [], page = 0, patrol = 0, soonTimer = 0, problem = "";

const grid = h("div", { class: "wall", test: "wall" });
const none = h("p", { class: "none", test: "no-cameras", hidden: true });
const pages = h("span", { class: "where", role: "status", test: "wall-page" });
const button = (text, test, onclick) => h("button", { type: "button", text, test, onclick });
const sizes = SIZES.map(it => button(`${it}×${it}`, `wall-${it}`, () => {
  size = it;
  page = 0;
  setQuery({ size: String(it) });
  show();
}));
const patrolling = button(t("wall.patrol"), "wall-patrol", () => {
  clearInterval(patrol);
  patrol = patrol ? 0 : setInterval(() => turn(1), PATROL_MS);
  patrolling.setAttribute("aria-pressed", String(Boolean(patrol)));
});
const bar = h("div", { class: "wall-bar", role: "group", "aria-label": t("wall.layout") }, ...sizes,
  button(t("wall.all"), "wall-play", () => tiles.forEach(it => it.wanted || it.play())),
  button(t("wall.none"), "wall-stop", () => tiles.forEach(it => it.rest())),
  button("‹", "wall-before", () => turn(-1)), pages, button("›", "wall-after", () => turn(1)), patrolling);
bar.querySelector("[data-testid=wall-before]").setAttribute("aria-label", t("wall.before"));
bar.querySelector("[data-testid=wall-after]").setAttribute("aria-label", t("wall.after"));
patrolling.setAttribute("aria-pressed", "false");
const views = viewSwitch("live");
main.append(h("div", { class: "live-top" }, views, bar), none, grid);

const count = () => Math.max(1, Math.ceil(cameras.length / (size * size)));

function turn(step) {
  page = (page + step + count()) % count();
  show();
}

function show() {
  const playing = new Set(tiles.filter(it => it.wanted).map(it => it.place)), all = tiles.length > 0 && tiles.every(it => it.wanted);
  const shown = cameras.slice(page * size * size, (page + 1) * size * size);
  const kept = new Map(tiles.map(it => [it.place, it]));
  const places = new Set(shown.map(it => `${it.site}/${it.box}/${it.id}`));
  tiles.filter(it => !places.has(it.place)).forEach(it => it.stop());
  tiles = shown.map(it => kept.get(`${it.site}/${it.box}/${it.id}`) || new Tile(it));
  grid.style.setProperty("--columns", String(size));
  grid.replaceChildren(...tiles.map(it => it.element));
  tiles.forEach(it => kept.has(it.place) || it.refresh());
  soon();
  if (all) tiles.forEach(it => playing.has(it.place) || it.play()); // whoever watches all of them watches the next page too
  sizes.forEach((it, number) => it.setAttribute("aria-pressed", String(SIZES[number] === size)));
  pages.textContent = t("wall.page", { page: page + 1, count: count() });
  none.hidden = cameras.length > 0;
  none.textContent = problem || t("wall.no_cameras");
  bar.hidden = !cameras.length;
}

async function read() {
  const wanted = given.get("camera");
  try {
    const found = (await knownPlaces()).filter(it => it.kind === "camera");
    problem = "";
    cameras = found.filter(it => (!scope.site || it.site === scope.site) && (!scope.area || it.areas.includes(scope.area)));
    const first = it => (`${it.site}/${it.box}/${it.id}` === wanted ? 0 : BROKEN.includes(it.state) ? 2 : 1);
    cameras.sort((a, b) => first(a) - first(b));
  } catch (error) {
    problem = error.message;
  }
  page = Math.min(page, count() - 1);
  show();
}

addEventListener("paifang:scope", read);
addEventListener("paifang:back", () => cameras.length || read());
// States and stills of the tiles in sight.
async function refresh() {
  if (document.hidden) return;
  const { places } = await get("/api/places").catch(() => ({ places: [] }));
  const found = new Map(places.map(it => [`${it.site}/${it.box}/${it.id}`, it]));
  tiles.forEach(it => it.update(found.get(it.place) || it.camera));
}

// Open alerts of the tiles in sight; a burst of changes is read once.
async function warn() {
  if (!may.see || document.hidden) return;
  const { places } = await get("/api/places/alerts").catch(() => ({ places: null }));
  const found = places && new Map(places.map(it => [`${it.site}/${it.id}`, it]));
  if (found) tiles.forEach(it => it.warn(found.get(`${it.camera.site}/${it.camera.id}`)));
}

function soon() {
  soonTimer ||= setTimeout(() => {
    soonTimer = 0;
    warn();
  }, SOON_MS);
}

addEventListener("paifang:changes", soon);
addEventListener("paifang:reset", soon);
setInterval(refresh, STILL_MS);
addEventListener("pagehide", () => tiles.forEach(it => it.stop()));
await read();
