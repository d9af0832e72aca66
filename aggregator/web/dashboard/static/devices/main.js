// Devices, those with problems first. Read again when one has another state, and every ten seconds for
// the numbers of the boxes, while the page is in sight.

import { get, may } from "../shell/api.js";
import { boxText } from "../shell/box_words.js";
import { h } from "../shell/dom.js";
import { OFTEN_MS, onStates } from "../shell/feed.js";
import { scope, siteName } from "../shell/scope.js";
import { counted, data, has, t } from "../shell/texts.js";
import { whenZone } from "../queue/words.js";

const RANK = ["forced", "lost", "offline", "refused", "covered", "frozen", "held", "moved", "defocused", "unknown", "starting"];
const main = document.querySelector("main");
const summary = h("p", { class: "where", role: "status", test: "device-summary" });
const problem = h("p", { class: "problem", role: "alert", hidden: true });
const list = h("div", { class: "devices", test: "camera-health" });
const boxes = h("div", { class: "devices", test: "box-status" });
const dead = h("p", { class: "where", test: "quarantine-count", hidden: true });
main.append(summary, problem, h("h2", { text: t("shell.devices") }), list, h("h2", { text: t("shell.boxes") }), boxes, dead);

const rank = it => (RANK.indexOf(it.state) + 1 || RANK.length + 1);
const stateName = it => {
  const key = `${it.kind === "door" ? "door" : "camera"}.state.${it.state}`;
  return it.kind === "gate" ? t(it.online ? "shell.online" : "shell.offline") : has(key) ? t(key) : it.state;
};
const bad = it => (it.kind === "gate" ? !it.online : RANK.includes(it.state) && it.state !== "starting");

function place(it) {
  const reason = boxText(it.problem, it.problem_code) || (it.online ? "" : t("shell.box.offline"));
  const since = it.since ? t("shell.since", { time: whenZone(it.since, it.time_zone) }) : "";
  const help = `shell.help.${it.state}`;
  return h("div", { class: `device ${bad(it) ? "bad" : ""}`, test: "camera-row" },
    h("b", { text: it.name }), h("span", { class: "state", text: stateName(it) }),
    h("span", { class: "where", text: [t(`shell.kind.${it.kind}`), it.site_name, ...it.areas, since, reason].filter(Boolean).join(" · ") }),
    bad(it) && it.online && has(help) && h("span", { class: "where", text: t(help) }));
}

function box(it) {
  const missing = it.gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const zone = it.timezone;
  const facts = [counted("shell.box.waiting", it.outbox_waiting), missing && counted("shell.box.missing", missing),
    it.lost && counted("shell.box.lost", it.lost), it.version, t("shell.seen", { time: whenZone(it.status, zone) })];
  return h("div", { class: `device ${it.online ? "" : "bad"}`, test: "box-row" }, h("b", { text: `${siteName(it.site)} · ${it.box}` }),
    h("span", { class: "state", text: t(it.online ? "shell.online" : "shell.offline") }),
    h("span", { class: "where", text: facts.filter(Boolean).join(" · ") }));
}

async function read() {
  if (document.hidden) return;
  try {
    const [found, known] = await Promise.all([get("/api/places"), may.places ? get("/api/boxes") : { boxes: [] }]);
    const inScope = it => (!scope.site || it.site === scope.site) && (!scope.area || !it.areas || it.areas.includes(scope.area));
    const places = found.places.filter(inScope).sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
    const wrong = places.filter(bad).length;
    summary.textContent = places.length ? counted(wrong ? "shell.devices.bad" : "shell.devices.good", wrong || places.length)
      : t("shell.devices.none");
    list.replaceChildren(...places.map(place));
    boxes.replaceChildren(...known.boxes.filter(inScope).sort((a, b) => a.online - b.online).map(box));
    problem.hidden = true;
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
  if (may.trouble) await get("/api/quarantine?limit=1").then(it => {
    dead.hidden = false;
    dead.textContent = counted("shell.quarantine", it.count);
  }, () => {});
}

addEventListener("paifang:scope", read);
addEventListener("paifang:back", read);
onStates(read, OFTEN_MS);
document.addEventListener("visibilitychange", read);
await read();
