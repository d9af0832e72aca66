// Alerts in words.

import { age, clockText, zoneName } from "../shell/clock.js";
import { counted, has, t } from "../shell/texts.js";

const TWO_WHEELERS = new Set(["bicycle", "motorcycle"]);
const names = new Map();

export function learnNames(places) {
  for (const it of places) names.set(`${it.site}/${it.box}/${it.id}`, it.name);
}

export const placeName = alert =>
  alert.camera_name || names.get(`${alert.site}/${alert.box}/${alert.camera}`) || alert.camera || t("queue.box", { name: alert.box });

export function kindName(alert) {
  const special = `kind.${alert.kind}.two-wheeler`;
  if (TWO_WHEELERS.has(alert.object) && has(special)) return t(special);
  return has(`kind.${alert.kind}`) ? t(`kind.${alert.kind}`) : alert.kind;
}

export const objectName = alert => (has(`object.${alert.object}`) ? t(`object.${alert.object}`) : alert.object);
export const severityName = alert => t(`severity.${alert.severity}`);

// RFC 3339 with nanoseconds → milliseconds.
export const millis = text => Date.parse(text.replace(/(\.\d{3})\d+/, "$1"));
export const when = (text, zone) => clockText(new Date(millis(text)), zone);
export const whenZone = (text, zone) => `${when(text, zone)} ${zoneName(zone, new Date(millis(text)))}`;
export const ageOf = alert => age(millis(alert.first));

export function stateText(alert) {
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
