// Quasar's field for files is a button inside a button without a name. It stays, out of sight; a plain button opens it.

import { h } from "./dom.js";
import { t } from "./texts.js";

function replace() {
  for (const uploader of document.querySelectorAll(".q-uploader:not([inert])")) {
    const input = uploader.querySelector("input[type=file]");
    if (!input) continue;
    const text = uploader.querySelector(".q-uploader__title")?.textContent || t("shell.upload");
    uploader.inert = true;
    uploader.classList.add("away");
    uploader.before(h("button", { type: "button", class: "button", text, onclick: () => input.click() }));
  }
}

export function start() {
  let asked = false;
  new MutationObserver(() => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      replace();
    });
  }).observe(document.body, { childList: true, subtree: true });
  replace();
}
