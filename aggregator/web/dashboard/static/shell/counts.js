// Open alerts by severity in the bar, and their number in the title of the browser's tab.

import { get, may } from "./api.js";
import { byId } from "./dom.js";

const title = document.title.replace(/^(‼ )?\(\d+\) /, "");
let urgent = false, total = 0;

function badge() {
  const number = total ? `(${total}) ` : "";
  document.title = `${urgent ? "‼ " : ""}${number}${title}`;
}

export function markUrgent(value) {
  urgent = value;
  badge();
}

function showCounts(counts) {
  for (const link of document.querySelectorAll("#counts [data-severity]")) {
    const count = counts[link.dataset.severity] || 0;
    link.hidden = !count;
    link.firstElementChild.textContent = String(count);
  }
  total = counts.total;
  byId("counts").dataset.total = String(total);
  badge();
}

const read = () => get("/api/alerts?order=urgency&status=open&limit=1").then(answer => showCounts(answer.counts));

export function start() {
  if (!may.see || !byId("counts")) return;
  addEventListener("paifang:changes", event => event.detail.counts && showCounts(event.detail.counts));
  for (const name of ["paifang:reset", "paifang:back"]) addEventListener(name, () => read().catch(() => {}));
  read().catch(() => {});
}
