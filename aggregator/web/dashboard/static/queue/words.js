// Alerts in words.

import { age, clockText, momentText } from "../shell/clock.js";
import { counted, has, t } from "../shell/texts.js";

export const SEVERITIES = ["critical", "high", "medium", "low"];
export const OUTCOMES = ["real", "false_alarm", "test", "maintenance"];
export const SHELVES_MIN = [15, 60, 480, 1440];
const TWO_WHEELERS = new Set(["bicycle", "motorcycle"]);
const names = new Map(), doors = new Set();

export function learnNames(places) {
  for (const it of places) {
    names.set(`${it.site}/${it.box}/${it.id}`, it.name);
    if (it.kind === "door") doors.add(`${it.site}/${it.box}/${it.id}`);
  }
}

export const placeName = alert =>
  alert.camera_name || names.get(`${alert.site}/${alert.box}/${alert.camera}`) || alert.camera || t("queue.box", { name: alert.box });

// A door has no picture and no footage of its own.
export const hasCamera = alert => Boolean(alert.camera) && !doors.has(`${alert.site}/${alert.box}/${alert.camera}`);

// A kind, object or severity in words, where the texts have it.
export const named = (prefix, id) => (has(`${prefix}.${id}`) ? t(`${prefix}.${id}`) : id);

export function kindName(alert) {
  const special = `kind.${alert.kind}.two-wheeler`;
  if (TWO_WHEELERS.has(alert.object) && has(special)) return t(special);
  return named("kind", alert.kind);
}

export const objectName = alert => named("object", alert.object);
export const severityName = alert => named("severity", alert.severity);

// RFC 3339 with nanoseconds → milliseconds.
export const millis = text => Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
export const when = (text, zone) => clockText(new Date(millis(text)), zone);
export const whenZone = (text, zone) => momentText(new Date(millis(text)), zone);
export const ageOf = alert => age(millis(alert.first));

export function stateText(alert) {
  if (alert.merged_into) return t("queue.action.joined");
  if (alert.status === "closed") return t("queue.state.closed", { outcome: t(`queue.outcome.${alert.outcome || "none"}`) });
  if (alert.suppression) return suppressionText(alert);
  if (alert.acknowledgement === "assigned") return t("queue.state.assigned", { name: alert.assignee || "" });
  if (alert.acknowledgement === "acknowledged") return t("queue.state.acknowledged", { name: alert.acknowledged_by || "" }).trim();
  return t("queue.state.unacknowledged");
}

function suppressionText(alert) {
  const { kind, until } = alert.suppression;
  const name = has(`queue.suppression.${kind}`) ? t(`queue.suppression.${kind}`) : kind;
  return until ? t("queue.until", { what: name, time: when(until, alert.time_zone) }) : name;
}

export function countText(alert) {
  if (alert.since_acknowledged && !(alert.acknowledgement === "unacknowledged"))
    return counted("queue.since", alert.since_acknowledged);
  return alert.count > 1 ? `×${alert.count}` : "";
}

export const flagTexts = alert => (alert.flags || []).filter(it => has(`queue.flag.${it}`)).map(it => t(`queue.flag.${it}`));
