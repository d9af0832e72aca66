// Changes of alerts, as the server sends them. One connection for a page; it is opened again when it breaks.

import { get, may } from "./api.js";

const AGAIN_MS = 3000;
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
