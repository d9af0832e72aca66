// Changes of alerts and of the states of devices, as the server sends them. One connection for a page; it is opened again when it breaks.

import { get, may } from "./api.js";

export const OFTEN_MS = 10000;
const AGAIN_MS = 3000, SOON_MS = 500, SELDOM_MS = 60000;
let source = null, timer = 0;

function open() {
  clearTimeout(timer);
  source?.close();
  source = new EventSource("/api/alerts/changes");
  let broken = false;
  source.onopen = () => {
    // what happened while it was broken is not lost: whoever shows a list reads it again
    if (broken) dispatchEvent(new CustomEvent("paifang:reset"));
    broken = false;
  };
  source.onmessage = event => {
    dispatchEvent(new CustomEvent("paifang:changes", { detail: JSON.parse(event.data) }));
  };
  source.addEventListener("reset", () => dispatchEvent(new CustomEvent("paifang:reset")));
  source.addEventListener("places", event => {
    dispatchEvent(new CustomEvent("paifang:places", { detail: JSON.parse(event.data) }));
  });
  source.onerror = () => {
    broken = true;
    dispatchEvent(new CustomEvent("paifang:feed-lost"));
    if (source.readyState === EventSource.CLOSED) again();
  };
}

function again() {
  clearTimeout(timer);
  // a session that has ended leads to the log-in here
  timer = setTimeout(() => get("/api/me").then(reopen, again), AGAIN_MS);
}

function reopen() {
  open();
  dispatchEvent(new CustomEvent("paifang:reset"));
}

// Calls `read` soon after a device has changed its state, and every `seldom_ms` in case a message was lost. Who does not
// see alerts has no connection and reads every ten seconds.
export function onStates(read, seldom_ms = SELDOM_MS) {
  let waits = 0;
  const now = () => {
    waits = 0;
    if (!document.hidden) read();
  };
  addEventListener("paifang:places", () => (waits ||= setTimeout(now, SOON_MS)));
  setInterval(now, may.see ? seldom_ms : OFTEN_MS);
}

// A page in the background that shows no alerts gives its connection back: a browser has six for a server.
export function start(keep) {
  if (!may.see) return;
  open();
  if (keep) return;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source.close();
      clearTimeout(timer);
    } else reopen();
  });
}
