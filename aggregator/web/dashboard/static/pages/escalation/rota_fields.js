// A rota: who is on call in turn, and who instead for a while.

import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";
import { button, field, input } from "../forms.js";
import { toLocal, zoneText } from "../times.js";

const DAY_MS = 86400000;

export function rotaFields(name, rota, it, changed) {
  const path = `rotas.${name}`, zone = rota.timezone || it.time_zone;
  const people = h("div", { class: "people" }), overrides = h("div", { class: "people" });
  const person = (at, value, label, set) => field(at, label, input({ value, "list-of": "people", maxLength: 64, "aria-autocomplete": "list",
    oninput: event => set(event.target.value.trim()) }));

  function swap(one, other) {
    [rota.people[one], rota.people[other]] = [rota.people[other], rota.people[one]];
    update();
  }

  function update() {
    changed();
    show();
  }

  function showPeople() {
    people.replaceChildren(...rota.people.map((value, number) => h("div", { class: "duty", test: "person" },
      person(`${path}.people.${number}`, value, t("escalation.person", { number: number + 1 }), user => {
        rota.people[number] = user;
        changed();
      }),
      button("↑", () => swap(number, number - 1), { disabled: number === 0, "aria-label": t("escalation.earlier", { name: value }) }),
      button("↓", () => swap(number, number + 1), { disabled: number === rota.people.length - 1, "aria-label": t("escalation.later", { name: value }) }),
      button(t("escalation.remove"), () => {
        rota.people.splice(number, 1);
        update();
      }, { "aria-label": `${t("escalation.remove")} ${value}` }))),
    h("div", { class: "quick" }, button(t("escalation.person.add"), () => {
      rota.people.push("");
      update();
      [...people.querySelectorAll("input")].at(-1).focus();
    }, { test: "add-person" })));
  }

  function moment(one, key, number) {
    return field(`${path}.overrides.${number}.${key}`, t(`escalation.override.${key}`), input({ type: "datetime-local", value: one[key], test: `${path}.overrides.${number}.${key}`,
      oninput: event => {
        one[key] = event.target.value;
        changed();
      } }));
  }

  function showOverrides() {
    overrides.replaceChildren(...rota.overrides.map((one, number) => h("div", { class: "duty", test: "override" },
      person(`${path}.overrides.${number}.user`, one.user, t("escalation.override.user"), user => {
        one.user = user;
        changed();
      }), moment(one, "start", number), moment(one, "end", number),
      button(t("escalation.remove"), () => {
        rota.overrides.splice(number, 1);
        update();
      }, { "aria-label": `${t("escalation.override.remove")} ${one.user}` }))),
    h("div", { class: "quick" }, button(t("escalation.override.add"), () => {
      rota.overrides.unshift({ user: "", start: toLocal(Date.now(), zone), end: toLocal(Date.now() + DAY_MS, zone) });
      update();
      overrides.querySelector("input").focus();
    }, { test: "add-override" })));
  }

  function show() {
    showPeople();
    showOverrides();
    for (const one of element.querySelectorAll("[list-of]")) one.setAttribute("list", "known-people");
  }

  const wrong = which => h("p", { class: "wrong", id: `wrong-${path}-${which}`, hidden: true, test: `wrong-${path}.${which}` });
  const element = h("div", { class: "card-plain editor", test: "rota-fields" }, h("h4", { text: t("escalation.rota", { rota: name }) }),
    h("div", { class: "field", "data-path": `${path}.people` }, people, wrong("people")),
    h("div", { class: "field", "data-path": `${path}.overrides` }, h("p", { class: "hint", text: t("escalation.override.hint", { zone: zoneText(zone) }) }), overrides, wrong("overrides")),
    h("div", { class: "grid" }, field(`${path}.start`, t("escalation.start"), input({ type: "datetime-local", value: rota.start, oninput: event => {
      rota.start = event.target.value;
      changed();
    } })), field(`${path}.weeks`, t("escalation.weeks.field"), input({ type: "number", min: 1, max: 8, value: String(rota.weeks), oninput: event => {
      rota.weeks = Math.round(Number(event.target.value));
      changed();
    } }))));
  show();
  return element;
}
