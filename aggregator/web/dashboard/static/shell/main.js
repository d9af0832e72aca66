// What every page does: connection, clock, counts, sound, filter, theme, jumping, and keeping what was typed.

import * as clock from "./clock.js";
import * as connection from "./connection.js";
import * as counts from "./counts.js";
import * as drafts from "./drafts.js";
import * as feed from "./feed.js";
import * as menus from "./menus.js";
import * as palette from "./palette.js";
import * as scope from "./scope.js";
import * as sound from "./sound.js";
import * as theme from "./theme.js";
import * as uploads from "./uploads.js";
import { data } from "./texts.js";

connection.start();
clock.start(() => scope.scope.site, () => connection.state.ahead_ms);
counts.start();
sound.start();
scope.start();
palette.start();
theme.start();
menus.start();
uploads.start();
drafts.start();
feed.start(data.path === "/");

// somebody with many roles has more pages than fit
document.querySelector(".rail [aria-current=page]")?.scrollIntoView({ block: "nearest" });

const skip = document.querySelector(".skip");
// pages of the framework get their `main` later, with an id of its own
function aim() {
  const main = document.querySelector("main");
  if (main) skip.setAttribute("href", `#${main.id ||= "main"}`);
  return Boolean(main);
}
if (!aim()) {
  const observer = new MutationObserver(() => aim() && observer.disconnect());
  observer.observe(document.body, { childList: true, subtree: true });
}
skip.addEventListener("click", event => {
  const main = document.querySelector("main");
  event.preventDefault();
  main?.setAttribute("tabindex", "-1");
  main?.focus();
});
