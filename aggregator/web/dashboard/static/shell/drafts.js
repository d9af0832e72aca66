// What was typed is not lost when a session ends: it is kept in this tab until the same user is back on the page.

import { data } from "./texts.js";

const KEY = "paifang-drafts", MOST = 60, LONGEST = 20000;
const SECRET = "[type=password], [type=file], [autocomplete=one-time-code], [autocomplete=current-password]";
const FIELDS = "input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea";

function nameOf(field) {
  const own = field.dataset.testid || field.name || field.getAttribute("aria-label") || "";
  return own && `${location.pathname} ${own}`;
}

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) || "null");
    return kept && kept.user === data.user ? kept : { user: data.user, fields: {} };
  } catch {
    return { user: data.user, fields: {} };
  }
}

function write(kept) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    sessionStorage.removeItem(KEY);
  }
}

export function forget(field) {
  const kept = read();
  delete kept.fields[nameOf(field)];
  write(kept);
}

function keep(event) {
  const field = event.target;
  if (!(field instanceof HTMLElement) || !field.matches(FIELDS) || field.matches(SECRET) || !nameOf(field)) return;
  const kept = read(), name = nameOf(field);
  delete kept.fields[name];
  if (field.value) kept.fields[name] = field.value.slice(0, LONGEST);
  for (const old of Object.keys(kept.fields).slice(0, -MOST)) delete kept.fields[old];
  write(kept);
}

// Only what still stands in a field: what was sent in the meantime is no draft any more.
function prune() {
  const kept = read(), there = new Map([...document.querySelectorAll(FIELDS)].map(it => [nameOf(it), it.value]));
  for (const name of Object.keys(kept.fields)) if (!there.get(name)) delete kept.fields[name];
  write(kept);
}

// Fill an empty field with what was typed before the session ended.
export function restore(field) {
  const text = waiting[nameOf(field)];
  if (!text || field.value || field.matches(SECRET)) return;
  delete waiting[nameOf(field)];
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

let waiting = {};

export function start() {
  const kept = read();
  const ended = sessionStorage.getItem("paifang-ended") === "1"; // the log-in page says so
  sessionStorage.removeItem("paifang-ended");
  waiting = ended ? { ...kept.fields } : {};
  write(ended ? kept : { user: data.user, fields: {} }); // nothing of another user stays
  addEventListener("input", keep, true);
  addEventListener("submit", event => event.target.action?.endsWith("/logout") && sessionStorage.removeItem(KEY));
  addEventListener("pagehide", prune);
  if (!Object.keys(waiting).length) return;
  const fill = () => document.querySelectorAll(FIELDS).forEach(restore);
  new MutationObserver(fill).observe(document.body, { childList: true, subtree: true });
  fill();
}
