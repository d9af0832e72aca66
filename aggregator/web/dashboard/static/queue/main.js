// The queue: filters, list, the selected alert, and the keys.

import { get, may } from "../shell/api.js";
import { h, typing } from "../shell/dom.js";
import { knownPlaces, scope, setQuery } from "../shell/scope.js";
import { counted, data, t } from "../shell/texts.js";
import { toast } from "../shell/toast.js";
import { Actions } from "./actions.js";
import { Detail } from "./detail.js";
import { askClose, askHelp, askNote, askReason, askShelve, showHelp } from "./dialogs.js";
import { Filters } from "./filters.js";
import { Flood } from "./flood.js";
import { askMerge, askSplit } from "./grouping.js";
import { listen } from "./keys.js";
import { List, ROW_PX } from "./list.js";
import { Model } from "./model.js";
import { kindName, learnNames, placeName } from "./words.js";

const FLOOD_MS = 500;
const main = document.querySelector("main"), model = new Model();
const list = new List(model, () => data.sites.length > 1 && !scope.site);
const actions = new Actions(model), filters = new Filters(() => refilter());
const flood = new Flood(filters, settled);
const detail = new Detail(model, action => run(action));
const pill = h("button", { type: "button", class: "pill", test: "new-alerts", hidden: true, onclick: () => read() });
// always as high as the button, so that no row moves when it appears
const loaded = h("span", { class: "where" }), news = h("div", { class: "news" }, loaded, pill);
const none = h("p", { class: "none", test: "no-alerts", hidden: true });
const problem = h("p", { class: "problem", role: "alert", hidden: true, test: "list-problem" });
const bulk = h("div", { class: "bulk", role: "group", "aria-label": t("queue.bulk"), hidden: true, test: "bulk" });

main.append(h("section", { class: "queue", "aria-label": t("queue.list") }, filters.element, news, problem, none,
  list.element, flood.element, bulk), detail.element);

// Read the list again; the selected row stays where it is on the screen.
async function read() {
  const place = list.offset();
  await model.read(flood.query());
  list.hold(place);
  list.draw();
}

// A flood begins or ends: no row moves under a pointer, so that the list waits until the pointer has left.
function settled(asked) {
  if (asked || !list.element.matches(":hover")) return read();
  return list.element.addEventListener("pointerleave", () => read(), { once: true });
}

// Another filter is another list: it begins at its top.
function refilter() {
  flood.read();
  model.forget();
  list.element.scrollTop = 0;
  return read();
}

function shown() {
  const empty = model.loaded && !model.rows.length && !model.failed;
  loaded.textContent = model.loaded && !empty ? counted("queue.loaded", model.rows.length) + (model.next ? " +" : "") : "";
  none.hidden = !empty;
  const unfiltered = filters.clear.hidden && !scope.site && !scope.area ? "queue.none" : "queue.none.filtered";
  none.textContent = t(flood.folding && flood.count ? "queue.none.flood" : unfiltered);
  list.element.hidden = empty;
  problem.hidden = !model.failed;
  if (model.failed) problem.textContent = t("queue.failed", { problem: model.failed.message });
}

function waiting() {
  const found = [...model.waiting.values()];
  // nothing can move under a pointer where there is no row
  if (found.length && !model.rows.length && !model.loading) return read();
  const urgent = found.filter(it => it.severity === "critical").length;
  pill.hidden = !found.length;
  pill.classList.toggle("critical", urgent > 0);
  const text = counted("queue.new", found.length) + (urgent ? ` · ${counted("queue.new.critical", urgent)}` : "");
  if (pill.textContent !== text) pill.textContent = text;
}

function checked() {
  const count = model.checked.size;
  bulk.hidden = !count;
  if (!count) return bulk.replaceChildren();
  const button = (action, key) => h("button", { type: "button", test: `bulk-${action}`, onclick: () => run(action) },
    h("span", { text: t(`queue.do.${action}`) }), key && h("kbd", { text: key }));
  bulk.replaceChildren(h("b", { text: counted("queue.selected", count) }), button("acknowledge", "A"), button("close", "C"),
    button("shelve", "S"), ...(count > 1 ? [button("merge", "M")] : []), h("button", { type: "button", class: "quiet", test: "bulk-all", text: t("queue.select.all"),
      onclick: () => { model.rows.forEach(it => model.checked.add(it.id)); model.say("checked"); } }),
  h("button", { type: "button", class: "quiet", text: t("queue.select.none"), onclick: () => model.uncheck() }));
}

const page = () => Math.max(1, Math.floor(list.element.clientHeight / ROW_PX) - 1);
const moves = {
  down: () => model.selected + 1, up: () => model.selected - 1, "page-down": () => model.selected + page(),
  "page-up": () => model.selected - page(), first: () => 0, last: () => model.rows.length - 1,
};

async function work(action, body, wanted = actions.targets()) {
  const many = model.checked.size > 0, last = model.selected;
  const done = actions.run(action, body, wanted);
  list.element.focus({ preventScroll: true });
  main.classList.remove("detailed");
  // the last one is done: show what has come meanwhile
  if (!many && model.selected === last && model.waiting.size) done.then(read);
  done.then(problem => problem?.steps && explain(problem, body));
  return done;
}

// Required steps are open. Where something else is being typed, the question waits behind a message.
function explain(problem, body) {
  const ask = () => {
    const [alert] = problem.alerts, place = model.index.get(alert.id);
    if (problem.alerts.length === 1 && place !== undefined) model.select(place);
    askReason(problem, body, work);
  };
  if (!document.querySelector("dialog[open]") && !typing(document.activeElement)) return ask();
  const [alert] = problem.alerts;
  return toast(`${kindName(alert)} · ${placeName(alert)}: ${problem.message}`, "bad", { text: t("queue.show"), run: ask });
}

function run(name) {
  if (moves[name]) return model.select(moves[name]());
  if (name === "help") return showHelp();
  if (name === "refresh") return read();
  if (name === "escape") return model.uncheck();
  if (!model.current) return undefined;
  if (name === "open") return main.classList.add("detailed");
  if (name === "live" || name === "clip") return detail[name]();
  if (!may.work) return toast(t("shell.error.forbidden"), "info");
  if (name === "select") return model.toggle(model.current.id);
  if (name === "close") return askClose(actions.targets(), work);
  if (name === "merge") return askMerge(model, actions.targets(), model.current);
  if (name === "split") return askSplit(model, detail.full);
  if (name === "note") return askNote(actions);
  if (name === "escalate")
    return actions.allowed(name, model.current) ? askHelp(actions, model.current) : toast(t("queue.nothing"), "info");
  if (name === "shelve") return askShelve(actions.targets(), work);
  if (name === "false_alarm") return work("close", { outcome: "false_alarm" });
  if (name === "assign") return actions.run("assign", { to: data.user });
  if (name === "acknowledge") return work(name);
  return actions.run(name);
}

model.addEventListener("list", shown);
model.addEventListener("read", shown);
model.addEventListener("read", waiting);
model.addEventListener("waiting", waiting);
model.addEventListener("checked", checked);
// the address names the selected alert, so that it can be shared; browsers allow few such changes a second
let naming = 0;
model.addEventListener("selected", () => {
  clearTimeout(naming);
  naming = setTimeout(() => model.current && setQuery({ alert: model.current.id }), 400);
});
list.element.addEventListener("picked", () => main.classList.add("detailed"));
listen(run);

addEventListener("paifang:changes", event => model.apply(event.detail.alerts, it => flood.holds(it)));
for (const name of ["paifang:reset", "paifang:back"]) addEventListener(name, () => read());
addEventListener("paifang:scope", refilter);

knownPlaces().then(found => {
  learnNames(found);
  model.rows.forEach((it, place) => { model.rows[place] = { ...it }; });
  model.say("rows");
}).catch(() => {});

const linked = new URLSearchParams(location.search).get("alert");
// the first list is the right one, unless the answer takes long
await Promise.race([flood.start(), new Promise(done => setTimeout(done, FLOOD_MS))]);
await read();
if (linked && model.current?.id !== linked)
  await get(`/api/alerts/${encodeURIComponent(linked)}`).then(found => {
    model.open(found.alert);
    main.classList.add("detailed");
  }, () => toast(t("queue.linked.gone"), "bad"));
if (document.activeElement === document.body) list.element.focus({ preventScroll: true });
