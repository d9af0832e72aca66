// Whether the page's data is current. Asked every five seconds; what is lost is said at once, with since when.

import { byId } from "./dom.js";
import { clockText } from "./clock.js";
import { t } from "./texts.js";

const EVERY_MS = 5000, WAIT_MS = 4000;
const chip = byId("health");
let since = null, asking = false;
export const state = { lost: false, ahead_ms: 0 };

function show(text, tone) {
  if (chip.textContent !== text) chip.textContent = text;
  chip.className = tone ? `chip ${tone}` : "chip";
}

function lost() {
  if (!state.lost) {
    since = new Date();
    state.lost = true;
    document.documentElement.classList.add("stale");
  }
  show(t("shell.lost", { time: clockText(since) }), "bad");
}

function found(report) {
  if (state.lost) {
    state.lost = false;
    document.documentElement.classList.remove("stale");
    dispatchEvent(new CustomEvent("paifang:back"));
  }
  // without the database ingest leaves the broker too: the cause is said, not what follows from it
  const broken = ["store", "broker", "ingest"].find(part => !report[part]);
  show(t(broken ? `health.${broken}` : "health.good"), broken ? "bad" : "");
}

export async function check() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(WAIT_MS) });
    const date = Date.parse(answer.headers.get("date") || "");
    if (date) state.ahead_ms = Math.abs(Date.now() - date) > 2000 ? Date.now() - date : 0;
    found(await answer.json());
  } catch {
    lost();
  } finally {
    asking = false;
  }
}

export function start() {
  setInterval(check, EVERY_MS);
  for (const name of ["online", "paifang:unreachable", "paifang:feed-lost"]) addEventListener(name, check);
  addEventListener("offline", lost);
  document.addEventListener("visibilitychange", () => document.hidden || check());
  check();
}
