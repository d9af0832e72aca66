// The common changes as fields, the rest as text. Everything is one document with a version.

import { request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";
import { button, field, form } from "../forms.js";
import { problemText } from "../errors.js";
import { toLocal } from "../times.js";
import { chainFields } from "./chain_fields.js";
import * as drafts from "./draft.js";
import { rotaFields } from "./rota_fields.js";

const START = { areas: ["*"], levels: [{ name: "", notify: ["supervisors"], minutes: {}, calendar: "", outside: [] }], then: "", repeat: 0 };
// The API names the rota: find the person in it.
const personPath = draft => ({ path, said = "" }) => {
  const found = path.match(/^rotas\.(.+)\.people$/), user = said.match(/'([^']*)'/)?.[1];
  const rota = found && draft.rotas[found[1]];
  if (!rota || user === undefined) return path;
  const at = rota.people.indexOf(user), other = rota.overrides.findIndex(one => one.user === user);
  return at >= 0 ? `${path}.${at}` : other >= 0 ? `rotas.${found[1]}.overrides.${other}.user` : path;
};
const each = (part, make) => Object.fromEntries(Object.entries(part || {}).map(([name, it]) => [name, make(it)]));

// A document that was typed, with what it leaves out. Throws where it has another shape; unknown keys are the API's matter.
const filled = found => ({
  ...found,
  chains: each(found.chains, it => ({ areas: [], then: "", repeat: 0, ...it,
    levels: it.levels.map(level => ({ name: "", notify: [], minutes: {}, calendar: "", outside: [], ...level })) })),
  rotas: each(found.rotas, it => ({ people: [], start: "", weeks: 1, timezone: "", ...it, overrides: [...(it.overrides || [])] })),
  calendars: found.calendars || {},
});
const pretty = it => JSON.stringify(it, null, 2);

// `it`: of the API; `kept`: a change that was not saved; `done(saved, warnings)` closes.
export function editor(it, kept, done) {
  let draft = structuredClone(kept?.escalation || it.escalation), version = kept?.version ?? it.version;
  let typed = false;
  const fields = h("div", { class: "editor" });
  const waiting = h("p", { class: "note", hidden: true, role: "status", text: t("escalation.document.waiting"), test: "document-waiting" });
  const text = h("textarea", { spellcheck: false, test: "document", oninput: () => {
    mark(true);
    keep();
  } });
  const people = h("datalist", { id: "known-people" });
  const keep = () => drafts.keep(it.site, version, draft, typed ? text.value : "");

  // While the text holds something that the fields do not, the fields wait: neither overwrites the other.
  function mark(value) {
    typed = value;
    waiting.hidden = !value;
    fields.inert = value;
  }

  function changed() {
    mark(false);
    text.value = pretty(draft);
    keep();
  }

  function show() {
    const known = new Set([...it.on_call.map(one => one.user), ...Object.values(draft.rotas).flatMap(rota => [...rota.people, ...rota.overrides.map(one => one.user)])]);
    people.replaceChildren(...[...known].filter(Boolean).sort().map(value => h("option", { value })));
    const add = (part, make) => {
      let number = 1;
      while (draft[part][`${part.slice(0, -1)}-${number}`]) number += 1;
      draft[part][`${part.slice(0, -1)}-${number}`] = make();
      changed();
      show();
    };
    fields.replaceChildren(
      h("h3", { text: t("escalation.rotas") }), ...Object.entries(draft.rotas).map(([name, rota]) => rotaFields(name, rota, it, changed)),
      h("div", { class: "quick" }, button(t("escalation.rota.add"), () => add("rotas", () => ({ people: [""], start: `${toLocal(Date.now(), it.time_zone).slice(0, 10)}T08:00`, weeks: 1, overrides: [], timezone: "" })), { test: "add-rota" })),
      h("h3", { text: t("escalation.chains") }), ...Object.entries(draft.chains).map(([name, chain]) => chainFields(name, chain, changed)),
      h("div", { class: "quick" }, button(t("escalation.chain.add"), () => add("chains", () => structuredClone({ ...START, areas: Object.keys(draft.chains).length ? [] : ["*"] })), { test: "add-chain" })));
  }

  // The text's document, where it was typed in; false: it is none.
  function take() {
    if (!typed) return true;
    const before = draft;
    let problem = "escalation.json";
    try {
      const found = JSON.parse(text.value);
      problem = "escalation.shape";
      draft = filled(found);
      show();
    } catch {
      draft = before;
      show();
      wrong(t(problem));
      return false;
    }
    changed();
    wrong("");
    return true;
  }

  function wrong(sentence) {
    const owner = element.querySelector("[data-path=document]"), place = owner.querySelector(".wrong");
    place.textContent = sentence;
    place.hidden = !sentence;
    if (!sentence) return text.removeAttribute("aria-invalid");
    owner.closest("details").open = true;
    text.setAttribute("aria-invalid", "true");
    return text.focus();
  }

  async function save() {
    if (!take()) return;
    try {
      const saved = await request("PUT", `/api/escalation/${encodeURIComponent(it.site)}`, { version, escalation: draft });
      await done(true, saved.warnings.map(warning => t("escalation.no_target", { name: warning.match(/'([^']*)'/)?.[1] || "" })));
    } catch (error) {
      if (/^version:/.test(error.body?.error || "")) conflict.hidden = false;
      throw error;
    }
  }

  const conflict = h("div", { class: "note", hidden: true, test: "conflict" }, h("p", { text: t("escalation.conflict") }),
    button(t("escalation.conflict.read"), () => done(false, []), { test: "read-again" }));
  const apply = button(t("escalation.document.apply"), take, { test: "apply-document" });
  const element = form("escalation-form", t("escalation.edit.of", { site: it.site_name }), [
    kept ? h("p", { class: "note", text: t("escalation.kept"), test: "kept" }) : null,
    it.source === "settings" ? h("p", { class: "hint", text: t("escalation.source.settings") }) : null,
    it.problem ? h("p", { class: "problem", text: problemText(it.problem) }) : null,
    people, fields, waiting,
    h("details", {}, h("summary", { text: t("escalation.document"), test: "open-document" }), field("document", t("escalation.document.label"), text, t("escalation.document.hint")), h("div", { class: "quick" }, apply)),
    conflict,
    h("div", { class: "changed" }, h("button", { type: "submit", class: "main", text: t("escalation.save"), test: "escalation-save" }),
      button(t("escalation.discard"), () => done(false, []), { test: "discard" }), h("span", { class: "where", text: t("escalation.save.hint") }))], save, it => personPath(draft)(it));
  show();
  text.value = kept?.text || pretty(draft);
  mark(Boolean(kept?.text));
  return element;
}

