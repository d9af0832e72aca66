// A consumer in words, with what can be done in its state.

import { h } from "../../shell/dom.js";
import { siteName } from "../../shell/scope.js";
import { counted, data, t } from "../../shell/texts.js";
import { named, whenZone } from "../../queue/words.js";
import { problemText } from "../errors.js";
import { button } from "../forms.js";

const TAGS = { active: "active", requested: "scheduled", paused: "scheduled", revoked: "ended", refused: "ended", ended: "bad" };
const ACTIONS = { requested: ["approved", "refused"], active: ["paused", "revoked"], paused: ["resumed", "revoked"] };
const list = (values, word) => values.map(word).join(t("form.and"));
// Times of consumers are in the first site's zone: they belong to no single site.
export const zone = data.sites[0]?.zone || "";

// `*`, a site, or `site/area` in words.
export function scopeName(scope) {
  if (scope === "*") return t("consumers.everywhere");
  const [site, area] = scope.split("/"), name = siteName(site);
  return area ? t("consumers.area", { area, site: name }) : name;
}

export const contentName = it => t(`consumers.content.${it}`);
export const mediaName = it => t(`consumers.media.${it}`);

function whatText(it) {
  return [
    list(it.places, scopeName), list(it.contents, contentName), it.kinds.length ? list(it.kinds, one => named("kind", one)) : t("consumers.kinds.all"),
    it.severities.length ? list(it.severities, one => named("severity", one)) : t("consumers.severities.all"),
    it.media.length ? list(it.media, mediaName) : t("consumers.media.none"),
  ].join(" · ");
}

function usedText(it) {
  const read = it.last_read ? t("consumers.read", { time: whenZone(it.last_read, zone) }) : t("consumers.read.never");
  const lag = it.lag === null ? "" : counted("consumers.lag", it.lag);
  return [read, lag, t("consumers.hour", { count: it.events_this_hour, most: it.events_per_hour }), t("consumers.requests", { most: it.requests_per_minute })].filter(Boolean).join(" · ");
}

function peopleText(it) {
  const decided = !it.decided_by ? "" : t(it.state === "refused" ? "consumers.refused.by" : "consumers.approved.by", { name: it.decided_by, time: whenZone(it.decided, zone) });
  const token = it.token_made ? t("consumers.token.made", { time: whenZone(it.token_made, zone) }) : it.state === "active" ? t("consumers.token.none") : "";
  return [t("consumers.requested.by", { name: it.created_by, time: whenZone(it.created, zone) }), decided, t("consumers.ends", { time: whenZone(it.ends, zone) }), token].filter(Boolean).join(" · ");
}

function platformRow(it) {
  const text = t("consumers.gb28181", { platform: it.platform, device: it.device, state: t(`consumers.gb28181.${it.state}`) });
  return h("p", { class: it.problem ? "wrong" : "where", test: "gb28181", text: [text, problemText(it.problem)].filter(Boolean).join(" · ") });
}

export function consumerRow(it, { decide, makeToken, webhooks, mqtt, outputs }) {
  const state = it.ended && ACTIONS[it.state] ? "ended" : it.state, own = it.created_by === data.user;
  const acts = (ACTIONS[it.state] || []).filter(action => !(it.ended && ["approved", "resumed"].includes(action)) && !(own && action === "approved"))
    .map(action => [action, t(own && action === "refused" ? "consumers.withdraw" : `consumers.${action}.do`)])
    .map(([action, text]) => button(text, () => decide(it, action), { test: `do-${action}`, "data-item": `${it.id}.${action}`, "aria-label": `${text}: ${it.name}` }));
  if (["active", "paused"].includes(it.state) && !it.ended)
    acts.unshift(button(t("consumers.token.new"), () => makeToken(it), { test: "make-token", "data-item": `${it.id}.token`, "aria-label": `${t("consumers.token.new")}: ${it.name}` }));
  if (["active", "paused"].includes(it.state) && it.media.includes("live"))
    acts.unshift(button(t("consumers.outputs"), () => outputs(it), { test: "open-outputs", "data-item": `${it.id}.outputs`, "aria-label": `${t("consumers.outputs")}: ${it.name}` }));
  if (["active", "paused"].includes(it.state))
    acts.unshift(button("MQTT", () => mqtt(it), { test: "open-mqtt", "data-item": `${it.id}.mqtt`, "aria-label": `MQTT: ${it.name}` }));
  if (["active", "paused"].includes(it.state))
    acts.unshift(button(t("consumers.hooks"), () => webhooks(it), { test: "open-webhooks", "data-item": `${it.id}.webhooks`, "aria-label": `${t("consumers.hooks")}: ${it.name}` }));
  const second = it.state === "requested" && own && !it.ended ? h("p", { class: "note", text: t("consumers.second") }) : null;
  return h("li", { class: `item wide ${state === "ended" ? "ended" : ""}`, test: "consumer", "data-id": it.id },
    h("div", { class: "item-head" }, h("span", { class: `tag ${TAGS[state]}`, text: t(`consumers.state.${state}`) }), h("b", { text: it.name })),
    h("p", { text: it.purpose, class: "reason" }),
    h("p", { class: "where", text: t("consumers.contact.of", { contact: it.contact, basis: it.basis }) }),
    h("p", { class: "where", text: whatText(it) }),
    ["active", "paused"].includes(it.state) ? h("p", { class: "where", text: usedText(it) }) : null,
    h("p", { class: "where", text: peopleText(it) }), ...it.gb28181.map(platformRow), second,
    acts.length ? h("div", { class: "acts" }, ...acts) : null);
}
