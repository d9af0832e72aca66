// The wall: several cameras at once. Only the tiles in sight play.

import { get, may } from "../shell/api.js";
import { h } from "../shell/dom.js";
import { onStates } from "../shell/feed.js";
import { knownPlaces, scope, setQuery } from "../shell/scope.js";
import { t } from "../shell/texts.js";
import { arranged, forget, inOrder, placeOf, swap } from "./arrangement.js";
import { viewSwitch } from "./switch.js";
import { BROKEN, Tile } from "./tile.js";
import { cameraTree, DRAGGED } from "./tree.js";

const SIZES = [1, 2, 3, 4], PATROL_MS = 20000, STILL_MS = 30000, SOON_MS = 1000;
const main = document.querySelector("main"), given = new URLSearchParams(location.search);
let size = SIZES.includes(Number(given.get("size"))) ? Number(given.get("size")) : 2;
let cameras = [], tiles = [], page = 0, patrol = 0, soonTimer = 0, problem = "";
let found = [], onlyBroken = false;

const grid = h("div", { class: "wall", test: "wall", ondragover: event => event.dataTransfer.types.includes(DRAGGED) && event.preventDefault(), ondrop: drop });
const tree = cameraTree(place => put(place, page * size * size));
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
const toggle = (text, test, pressed) => button(text, test, event => {
  const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
  event.currentTarget.setAttribute("aria-pressed", String(on));
  pressed(on);
});
const problems = toggle("", "wall-problems", on => {
  onlyBroken = on;
  page = 0;
  arrange();
});
const trees = toggle(t("wall.tree"), "wall-trees", on => {
  tree.element.hidden = !on;
});
const order = button(t("wall.order"), "wall-order", () => {
  forget();
  arrange();
});
for (const it of [problems, trees]) it.setAttribute("aria-pressed", "false");
tree.element.hidden = true;
const bar = h("div", { class: "wall-bar", role: "group", "aria-label": t("wall.layout") }, ...sizes,
  button(t("wall.all"), "wall-play", () => tiles.forEach(it => it.wanted || it.play())),
  button(t("wall.none"), "wall-stop", () => tiles.forEach(it => it.rest())),
  button("‹", "wall-before", () => turn(-1)), pages, button("›", "wall-after", () => turn(1)), patrolling,
  problems, trees, order);
bar.querySelector("[data-testid=wall-before]").setAttribute("aria-label", t("wall.before"));
bar.querySelector("[data-testid=wall-after]").setAttribute("aria-label", t("wall.after"));
patrolling.setAttribute("aria-pressed", "false");
const views = viewSwitch("live");
main.append(h("div", { class: "live-top" }, views, bar), none, h("div", { class: "wall-and-tree" }, grid, tree.element));

const count = () => Math.max(1, Math.ceil(cameras.length / (size * size)));

function turn(step) {
  page = (page + step + count()) % count();
  show();
}

function show() {
  const playing = new Set(tiles.filter(it => it.wanted).map(it => it.place)), all = tiles.length > 0 && tiles.every(it => it.wanted);
  const shown = cameras.slice(page * size * size, (page + 1) * size * size);
  const kept = new Map(tiles.map(it => [it.place, it]));
  const places = new Set(shown.map(placeOf));
  tiles.filter(it => !places.has(it.place)).forEach(it => it.stop());
  tiles = shown.map(it => kept.get(placeOf(it)) || new Tile(it));
  grid.style.setProperty("--columns", String(size));
  grid.replaceChildren(...tiles.map(it => it.element));
  tiles.forEach(it => kept.has(it.place) || it.refresh());
  soon();
  if (all) tiles.forEach(it => playing.has(it.place) || it.play()); // whoever watches all of them watches the next page too
  sizes.forEach((it, number) => it.setAttribute("aria-pressed", String(SIZES[number] === size)));
  pages.textContent = t("wall.page", { page: page + 1, count: count() });
  none.hidden = cameras.length > 0;
  none.textContent = problem || t(found.length ? "wall.no_broken" : "wall.no_cameras");
  bar.hidden = !found.length;
  order.hidden = !arranged();
}

function arrange() {
  const wanted = given.get("camera"), wrong = found.filter(it => BROKEN.includes(it.state));
  cameras = inOrder(onlyBroken ? wrong : found, it => (placeOf(it) === wanted ? 0 : BROKEN.includes(it.state) ? 2 : 1));
  problems.textContent = t("wall.problems", { count: wrong.length });
  page = Math.min(page, count() - 1);
  tree.show(found);
  show();
}

function put(place, number) {
  if (onlyBroken) problems.click();
  if (swap(cameras, place, number)) arrange();
}

function drop(event) {
  const place = event.dataTransfer.getData(DRAGGED), tile = event.target.closest("[data-camera]");
  const number = tiles.findIndex(it => it.element === tile);
  if (!place) return;
  event.preventDefault();
  put(place, page * size * size + Math.max(0, number));
}

async function read() {
  try {
    const places = (await knownPlaces()).filter(it => it.kind === "camera");
    problem = "";
    found = places.filter(it => (!scope.site || it.site === scope.site) && (!scope.area || it.areas.includes(scope.area)));
  } catch (error) {
    problem = error.message;
  }
  arrange();
}

addEventListener("paifang:scope", read);
addEventListener("paifang:back", () => cameras.length || read());
// States and stills of the tiles in sight.
async function refresh() {
  if (document.hidden) return;
  const { places } = await get("/api/places").catch(() => ({ places: [] }));
  const newer = new Map(places.filter(it => it.kind === "camera").map(it => [placeOf(it), it]));
  found = found.map(it => newer.get(placeOf(it)) || it);
  problems.textContent = t("wall.problems", { count: found.filter(it => BROKEN.includes(it.state)).length });
  tree.show(found);
  tiles.forEach(it => it.update(newer.get(it.place) || it.camera));
}

// Open alerts of the tiles in sight; a burst of changes is read once.
async function warn() {
  if (!may.see || document.hidden) return;
  const { places } = await get("/api/places/alerts").catch(() => ({ places: null }));
  const alerts = places && new Map(places.map(it => [`${it.site}/${it.id}`, it]));
  if (alerts) tiles.forEach(it => it.warn(alerts.get(`${it.camera.site}/${it.camera.id}`)));
}

function soon() {
  soonTimer ||= setTimeout(() => {
    soonTimer = 0;
    warn();
  }, SOON_MS);
}

addEventListener("paifang:changes", soon);
addEventListener("paifang:reset", soon);
onStates(refresh, STILL_MS);
addEventListener("pagehide", () => tiles.forEach(it => it.stop()));
await read();
