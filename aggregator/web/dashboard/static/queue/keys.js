// One key for each thing. They work wherever the focus is on the page, except where something is typed or a dialog is
// open.

import { typing } from "../shell/dom.js";

export function listen(run) {
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const inList = event.target.closest?.(".rows"), button = event.target.closest?.("button, a, summary, video, input");
    const arrows = inList || event.target === document.body || event.target.tagName === "MAIN";
    const name = {
      j: "down", k: "up", a: "acknowledge", c: "close", f: "false_alarm", n: "note", s: "shelve", e: "escalate", i: "assign", m: "merge",
      p: "split", l: "live", x: "select", r: "refresh", "?": "help",
      ...(arrows ? { ArrowDown: "down", ArrowUp: "up", PageDown: "page-down", PageUp: "page-up", Home: "first", End: "last" } : {}),
      ...(button ? {} : { " ": "clip", Escape: "escape" }),
      ...(inList ? { Enter: "open" } : {}),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!name) return;
    event.preventDefault();
    run(name);
  });
}
