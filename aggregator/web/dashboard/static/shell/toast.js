// Messages that stay for some seconds; errors stay until they are closed.

import { byId, h } from "./dom.js";
import { t } from "./texts.js";

const STAY_MS = 6000, MOST = 4;

export function toast(text, kind = "good", action = null) {
  const box = byId("toasts");
  const close = h("button", { type: "button", class: "quiet", "aria-label": t("shell.close"), text: "×" });
  const item = h("div", { class: `toast ${kind}`, test: `toast-${kind}`, role: kind === "bad" ? "alert" : null },
    h("span", { text }), action && h("button", { type: "button", text: action.text, onclick: action.run }), close);
  const gone = () => item.remove();
  close.addEventListener("click", gone);
  box.append(item);
  while (box.children.length > MOST) box.firstElementChild.remove();
  if (kind !== "bad") setTimeout(gone, STAY_MS);
  return gone;
}
