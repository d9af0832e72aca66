// The escalation of a site in words.

import { h } from "../../shell/dom.js";
import { counted, t } from "../../shell/texts.js";
import { SEVERITIES, whenZone } from "../../queue/words.js";
import * as catalog from "../catalog.js";
import { problemText } from "../errors.js";

const USUAL = { critical: 5, high: 15, medium: 60 };
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const list = values => values.join(t("form.and"));
const areaName = name => (name === "*" ? t("escalation.rest") : name);

// "rota:night" → "li (rota night)".
function recipient(it, target) {
  if (target === "supervisors") return t("escalation.supervisors");
  if (target.startsWith("user:")) return target.slice(5);
  const rota = target.slice(5), found = it.on_call.find(one => one.rota === rota);
  return found?.user ? t("escalation.by_rota", { name: found.user, rota }) : t("escalation.rota", { rota });
}

function who(it, level) {
  const text = list(level.notify.map(one => recipient(it, one)));
  if (!level.calendar) return text;
  const outside = level.outside.length ? list(level.outside.map(one => recipient(it, one))) : t("escalation.skipped");
  return t("escalation.hours", { calendar: level.calendar, inside: text, outside });
}

// In each area: who is notified first of a new alert.
function calls(it) {
  const chains = Object.values(it.escalation.chains);
  const found = chains.flatMap(chain => chain.areas.map(area => [area, chain]));
  const named = new Set(found.map(([area]) => area));
  if (!named.has("*")) found.push(...catalog.areaOptions([it.site]).filter(([area]) => !named.has(area)).map(([area]) => [area, null]));
  found.sort((a, b) => (a[0] === "*") - (b[0] === "*") || a[0].localeCompare(b[0]));
  return found.map(([area, chain]) => h("div", { class: "call", test: "on-call" },
    h("span", { class: "where", text: t("escalation.area", { area: areaName(area) }) }),
    h("b", { text: chain ? who(it, chain.levels[0]) : t("escalation.nobody") }),
    chain?.levels[0].name ? h("span", { class: "where", text: t("escalation.level.name", { number: 1, name: chain.levels[0].name }) }) : null));
}

function limits(level) {
  const given = Object.keys(level.minutes).length ? level.minutes : USUAL;
  return list(SEVERITIES.filter(it => given[it]).map(it => t("escalation.limit", { severity: catalog.severityName(it), minutes: given[it] })));
}

function chain(it, name, about) {
  const levels = about.levels.map((level, number) => h("li", { class: "level", test: "level" },
    h("b", { text: t(level.name ? "escalation.level.name" : "escalation.level", { number: number + 1, name: level.name }) }),
    h("span", { text: who(it, level) }), h("span", { class: "where", text: limits(level) })));
  const then = [about.then && t("escalation.then", { chain: about.then }), about.repeat && counted("escalation.repeat", about.repeat)].filter(Boolean);
  return h("div", { class: "card-plain", test: "chain" }, h("h3", { text: t("escalation.chain", { name }) }),
    h("p", { class: "where", text: about.areas.length ? t("escalation.areas", { areas: list(about.areas.map(areaName)) }) : t("escalation.areas.none") }),
    h("ol", { class: "levels" }, ...levels), then.length ? h("p", { class: "where", text: then.join(" ") }) : null);
}

function rota(it, name, about) {
  const now = it.on_call.find(one => one.rota === name)?.user || "";
  const zone = about.timezone || it.time_zone;
  return h("li", { class: "item", test: "rota" }, h("div", { class: "item-head" }, h("b", { text: name }), h("span", { class: "tag active", text: t("escalation.now", { name: now }) })),
    h("p", { text: t("escalation.turns", { people: about.people.join(" → ") }) }),
    h("p", { class: "where", text: counted("escalation.weeks", about.weeks, { start: about.start.replace("T", " "), zone }) }),
    ...about.overrides.map(one => h("p", { class: "where", text: t("escalation.override", { name: one.user, start: one.start.replace("T", " "), end: one.end.replace("T", " ") }) })));
}

function calendar(name, about) {
  const hours = DAYS.filter(it => about.hours[it]?.length).map(it => `${t(`silences.day.${DAYS.indexOf(it) + 1}`)} ${about.hours[it].join(", ")}`);
  const facts = [about.holidays && t("escalation.holidays", { country: about.holidays }), about.closed.length && t("escalation.closed", { days: about.closed.join(", ") }),
    about.workdays.length && t("escalation.workdays", { days: about.workdays.join(", ") }), about.timezone];
  return h("li", { class: "item", test: "calendar" }, h("b", { text: name }), h("p", { text: hours.join(" · ") }), h("p", { class: "where", text: facts.filter(Boolean).join(" · ") }));
}

function part(title, items, none, listed = true) {
  const content = items.length ? items : [h(listed ? "li" : "p", { class: "none", text: none })];
  return h("section", {}, h("h2", { text: title }), listed ? h("ul", { class: "items" }, ...content) : h("div", { class: "items" }, ...content));
}

export function overview(it, edit) {
  const { chains, rotas, calendars } = it.escalation;
  const source = it.source === "settings" ? t("escalation.source.settings")
    : it.source === "fallback" ? t("escalation.source.fallback", { problem: problemText(it.problem) }) : "";
  return [
    source ? h("p", { class: it.source === "fallback" ? "problem" : "hint", text: source, test: "source" }) : "",
    h("section", {}, h("div", { class: "head" }, h("h2", { text: t("escalation.on_call") }), h("span", { class: "where", text: whenZone(it.at, it.time_zone) }), edit),
      Object.keys(chains).length ? h("div", { class: "calls" }, ...calls(it)) : h("p", { class: "note", text: t("escalation.none"), test: "no-chain" })),
    part(t("escalation.chains"), Object.entries(chains).map(([name, about]) => chain(it, name, about)), t("escalation.chains.none"), false),
    part(t("escalation.rotas"), Object.entries(rotas).map(([name, about]) => rota(it, name, about)), t("escalation.rotas.none")),
    part(t("escalation.calendars"), Object.entries(calendars).map(([name, about]) => calendar(name, about)), t("escalation.calendars.none")),
  ];
}
