// A chain: its areas, and for each level who is notified and how long they have.

import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";
import { SEVERITIES } from "../../queue/words.js";
import * as catalog from "../catalog.js";
import { button, field, input } from "../forms.js";

const split = text => text.split(/[,，、]/).map(it => it.trim()).filter(Boolean);

function minutes(path, level, changed) {
  return SEVERITIES.map(it => field(`${path}.minutes.${it}`, t("escalation.minutes", { severity: catalog.severityName(it) }),
    input({ type: "number", min: 0.05, max: 1440, step: "any", value: level.minutes[it] === undefined ? "" : String(level.minutes[it]),
      test: `${path}.minutes.${it}`, oninput: event => {
        if (event.target.value === "") delete level.minutes[it];
        else level.minutes[it] = Number(event.target.value);
        changed();
      } })));
}

function level(path, it, number, changed, remove) {
  const text = (name, value, set, hint = "") => field(`${path}.${name}`, t(`escalation.field.${name}`), input({ value, maxLength: 400, test: `${path}.${name}`, oninput: event => {
    set(event.target.value);
    changed();
  } }), hint);
  return h("li", { class: "level", test: "level-fields" }, h("b", { text: t("escalation.level", { number: number + 1 }) }),
    h("div", { class: "grid" },
      text("name", it.name, value => { it.name = value; }),
      text("notify", it.notify.join(", "), value => { it.notify = split(value); }, t("escalation.field.notify.hint")),
      it.calendar ? text("outside", it.outside.join(", "), value => { it.outside = split(value); }, t("escalation.field.outside.hint", { calendar: it.calendar })) : null),
    h("div", { class: "minutes", role: "group", "aria-label": t("escalation.limits") }, ...minutes(path, it, changed)),
    h("div", { class: "quick" }, button(t("escalation.level.remove"), remove, { "aria-label": `${t("escalation.level.remove")} ${number + 1}` })));
}

export function chainFields(name, chain, changed) {
  const path = `chains.${name}`;
  const levels = h("ol", { class: "levels" });

  function update() {
    changed();
    show();
  }

  function show() {
    levels.replaceChildren(...chain.levels.map((it, number) => level(`${path}.levels.${number}`, it, number, changed, () => {
      chain.levels.splice(number, 1);
      update();
    })));
  }

  show();
  return h("div", { class: "card-plain editor", test: "chain-fields" }, h("h4", { text: t("escalation.chain", { name }) }),
    h("div", { class: "grid" },
      field(`${path}.areas`, t("escalation.field.areas"), input({ value: chain.areas.join(", "), test: `${path}.areas`, oninput: event => {
        chain.areas = split(event.target.value);
        changed();
      } }), t("escalation.field.areas.hint")),
      field(`${path}.then`, t("escalation.field.then"), input({ value: chain.then, maxLength: 64, oninput: event => {
        chain.then = event.target.value.trim();
        changed();
      } }), t("escalation.field.then.hint"))),
    h("p", { class: "hint", text: t("escalation.limits.hint") }),
    h("div", { class: "field", "data-path": `${path}.levels` }, levels, h("p", { class: "wrong", id: `wrong-${path}-levels`, hidden: true, test: `wrong-${path}.levels` })),
    h("div", { class: "quick" }, button(t("escalation.level.add"), () => {
      chain.levels.push({ name: "", notify: ["supervisors"], minutes: {}, calendar: "", outside: [] });
      update();
    }, { test: "add-level" })));
}
