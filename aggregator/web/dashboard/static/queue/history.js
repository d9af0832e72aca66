// An entry of an alert's history as a sentence. Other alerts are named and linked, never shown as ids.

import { h } from "../shell/dom.js";
import { counted, has, t } from "../shell/texts.js";
import { sentence } from "./procedure.js";
import { kindName, placeName, when } from "./words.js";

const link = (id, text) => h("a", { href: `/?alert=${encodeURIComponent(id)}`, text, test: "history-alert" });

// The alerts that were merged into this one, or the one that it was merged into or split from.
function others({ action, detail }, alert) {
  const names = (Array.isArray(detail.names) ? detail.names : []).map(it => {
    const named = { ...alert, kind: it.kind, box: it.box, camera: it.place, camera_name: "", object: "" };
    return `${kindName(named)} · ${placeName(named)}`;
  });
  if (action === "absorbed" && Array.isArray(detail.alerts)) {
    const links = detail.alerts.map((id, number) => link(id, names[number] || t("queue.history.other")));
    const more = (detail.count || 0) - links.length;
    return more > 0 ? [...links, counted("queue.history.more", more)] : links;
  }
  if (action === "joined" && detail.into) return [link(detail.into, names[0] || t("queue.history.other"))];
  if (action === "split" && detail.into) return [link(detail.into, t("queue.history.created"))];
  if (action === "opened" && detail.split_from) return [link(detail.split_from, t("queue.history.split_from"))];
  return [];
}

export function historyEntry(it, alert) {
  const detail = typeof it.detail === "object" && it.detail ? it.detail : {};
  const actor = has(`queue.actor.${it.actor}`) ? t(`queue.actor.${it.actor}`) : it.actor.replace(/^system:/, "");
  const action = has(`queue.action.${it.action}`) ? t(`queue.action.${it.action}`) : it.action;
  const parts = [
    detail.outcome && t(`queue.outcome.${detail.outcome}`), detail.to, detail.reason, detail.note,
    detail.step && sentence(detail), it.action === "split" && counted("queue.history.events", detail.count || 0),
    ...others({ action: it.action, detail }, alert), has(`queue.via.${it.via}`) && t(`queue.via.${it.via}`),
  ].filter(Boolean);
  return h("li", { test: "history-entry" }, h("time", { text: when(it.time, alert.time_zone) }),
    ` ${actor}: ${action}`, ...parts.flatMap(part => [" · ", part]));
}
