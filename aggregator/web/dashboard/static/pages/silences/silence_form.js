// A new silence: what it covers, when it ends and why; it is saved after its preview was seen.

import { post } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { forget } from "../../shell/drafts.js";
import { setQuery } from "../../shell/scope.js";
import { t } from "../../shell/texts.js";
import * as catalog from "../catalog.js";
import { Choices } from "../choices.js";
import { button, field, form, input } from "../forms.js";
import { previewOf } from "./rows.js";
import { spanFields } from "./span.js";

const FIELDS = ["site", "area", "place", "kind", "subject", "object", "severity"];

export function silenceForm(close) {
  const given = new URLSearchParams(location.search), sites = catalog.siteOptions();
  const chosen = Object.fromEntries(FIELDS.map(it => [it, (given.get(`match.${it}`) || "").split(",").filter(Boolean)]));
  if (!chosen.site.length && sites.length === 1) chosen.site = [sites[0][0]];
  let seen = null;
  const fields = {};
  const options = { site: catalog.siteOptions, area: () => catalog.areaOptions(fields.site.values), place: () => catalog.placeOptions(fields.site.values),
    kind: catalog.kindOptions, subject: () => catalog.subjectOptions(fields.site.values), object: catalog.objectOptions, severity: catalog.severityOptions };
  const all = { site: t("silences.site.choose"), severity: t("silences.severity.none") };
  const reason = input({ test: "silence-reason", maxLength: 200 });

  function match() {
    return Object.fromEntries(FIELDS.map(it => [it, fields[it].values]).filter(([name, values]) => values.length || name === "site"));
  }

  function moved() {
    for (const [name, known] of [["area", options.area()], ["place", options.place()]]) {
      const there = new Set(known.map(it => it[0]));
      if (there.size) for (const it of fields[name].values) if (!there.has(it)) fields[name].chosen.delete(it);
      fields[name].show();
    }
    fields.subject.show();
    changed();
  }

  function changed() {
    setQuery(Object.fromEntries(FIELDS.map(it => [`match.${it}`, fields[it].values.join(",")])));
    span.zone(catalog.zoneOf(fields.site.values[0]));
    if (seen && seen !== JSON.stringify(match())) {
      seen = null;
      result.replaceChildren(h("p", { class: "hint", text: t("silences.preview.again") }));
    }
    send.textContent = t(seen ? "silences.silence.save" : "silences.preview");
  }

  for (const name of FIELDS) fields[name] = new Choices(`match.${name}`, t(`silences.match.${name}`), options[name],
    { all: all[name], chosen: chosen[name], changed: name === "site" ? moved : changed, free: ["place", "subject"].includes(name) });
  for (const name of ["area", "place", "subject"]) fields[name].show();
  const span = spanFields(catalog.zoneOf(chosen.site[0]), 30);
  const result = h("div", {});
  const send = h("button", { type: "submit", class: "main", test: "silence-send", text: t("silences.preview") });

  async function preview() {
    const asked = match();
    const found = await post("/api/silences/preview", { match: asked });
    seen = JSON.stringify(asked);
    result.replaceChildren(previewOf(found));
    send.textContent = t("silences.silence.save");
    result.scrollIntoView({ block: "nearest" });
  }

  async function save() {
    if (seen !== JSON.stringify(match())) return preview();
    await post("/api/silences", { match: match(), ...span.values(), reason: reason.value.trim() });
    forget(reason);
    return close(t("silences.silence.made"));
  }

  return form("silence-form", t("silences.silence.new"), [
    h("p", { class: "hint", text: t("silences.match.hint") }),
    h("div", { class: "grid", "data-path": "match" }, ...FIELDS.map(it => fields[it].element),
      h("p", { class: "wrong", id: "wrong-match", hidden: true, test: "wrong-match" })),
    ...span.elements, field("reason", t("silences.reason"), reason, t("silences.reason.hint")), result,
    h("div", { class: "acts" }, send, button(t("queue.cancel"), () => close()))], save);
}
