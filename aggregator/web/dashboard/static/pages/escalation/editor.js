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
const pretty = it => JSON.stringify(it, null, 2);

// `it`: of the API; `kept`: a change that was not saved; `done(saved, warnings)` closes.
export function editor(it, kept, done) {
  let draft = structuredClone(kept?.escalation || it.escalation), version = kept?.version ?? it.version;
  let typed = false;
  const fields = h("div", { class: "editor" });
  const text = h("textarea", { spellcheck: false, test: "document", oninput: () => {
    typed = true;
    keep();
  } });
  const people = h("datalist", { id: "known-people" });
  const keep = () => drafts.keep(it.site, version, draft, typed ? text.value : "");

  function changed() {
    typed = false;
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

  // The text's document, where it was typed in.
  function take() {
    if (!typed) return;
    let found;
    try {
      found = JSON.parse(text.value);
    } catch (error) {
      throw Object.assign(new Error(error.message), { status: 422, body: { error: `document: ${t("escalation.json")}` }, plain: true });
    }
    draft = { chains: {}, rotas: {}, calendars: {}, ...found };
    typed = false;
  }

  const fail = error => {
    if (!error.plain) throw error;
    element.querySelector(".problem")?.remove();
    const owner = element.querySelector("[data-path=document]"), wrong = owner.querySelector(".wrong");
    owner.closest("details").open = true;
    wrong.textContent = t("escalation.json");
    wrong.hidden = false;
    text.setAttribute("aria-invalid", "true");
    text.focus();
  };

  async function save() {
    try {
      take();
    } catch (error) {
      return fail(error);
    }
    try {
      const saved = await request("PUT", `/api/escalation/${encodeURIComponent(it.site)}`, { version, escalation: draft });
      await done(true, saved.warnings.map(warning => t("escalation.no_target", { name: warning.match(/'([^']*)'/)?.[1] || "" })));
    } catch (error) {
      if (/^version:/.test(error.body?.error || "")) conflict.hidden = false;
      throw error;
    }
    return undefined;
  }

  const conflict = h("div", { class: "note", hidden: true, test: "conflict" }, h("p", { text: t("escalation.conflict") }),
    button(t("escalation.conflict.read"), () => done(false, []), { test: "read-again" }));
  const apply = button(t("escalation.document.apply"), () => {
    try {
      take();
      show();
      changed();
    } catch (error) {
      fail(error);
    }
  }, { test: "apply-document" });
  const element = form("escalation-form", t("escalation.edit.of", { site: it.site_name }), [
    kept ? h("p", { class: "note", text: t("escalation.kept"), test: "kept" }) : null,
    it.source === "settings" ? h("p", { class: "hint", text: t("escalation.source.settings") }) : null,
    it.problem ? h("p", { class: "problem", text: problemText(it.problem) }) : null,
    people, fields,
    h("details", {}, h("summary", { text: t("escalation.document"), test: "open-document" }), field("document", t("escalation.document.label"), text, t("escalation.document.hint")), h("div", { class: "quick" }, apply)),
    conflict,
    h("div", { class: "changed" }, h("button", { type: "submit", class: "main", text: t("escalation.save"), test: "escalation-save" }),
      button(t("escalation.discard"), () => done(false, []), { test: "discard" }), h("span", { class: "where", text: t("escalation.save.hint") }))], save, it => personPath(draft)(it));
  show();
  text.value = kept?.text || pretty(draft);
  typed = Boolean(kept?.text);
  return element;
}

