// Merging the selected alerts into one, and taking events of an alert into one of its own. Both ask first, by name.

import { post } from "../shell/api.js";
import { h } from "../shell/dom.js";
import { counted, t } from "../shell/texts.js";
import { toast } from "../shell/toast.js";
import { ask, buttons } from "./dialogs.js";
import { open } from "./model.js";
import { ageOf, countText, kindName, placeName, severityName, when } from "./words.js";

const MOST_MERGED = 51; // the one that stays, and 50 others

const problemOf = error => {
  if (error.status === 409 && /only open/.test(error.body?.error)) return { message: t("queue.merge.closed") };
  if (error.status === 409) return { message: t("shell.error.changed") };
  if (error.status === 422 && /not all of them/.test(error.body?.error)) return { message: t("queue.split.moved") };
  return error;
};

function refusal(alerts) {
  if (alerts.length < 2) return t("queue.merge.few");
  if (alerts.length > MOST_MERGED) return t("queue.merge.many", { count: MOST_MERGED });
  if (new Set(alerts.map(it => it.site)).size > 1) return t("queue.merge.sites");
  return alerts.every(open) ? "" : t("queue.merge.closed");
}

// `alerts` were selected; `current` is the one that the page shows, and stays unless another is chosen.
export function askMerge(model, alerts, current) {
  const refused = refusal(alerts);
  if (refused) return toast(refused, "info");
  const kept = alerts.find(it => it.id === current?.id) || alerts[0];
  const choices = alerts.map(it => h("label", { class: "choice" },
    h("input", { type: "radio", name: "kept", value: it.id, checked: it === kept, test: "merge-kept" }),
    h("span", {}, h("b", { text: `${kindName(it)} · ${placeName(it)}` }),
      ` ${[severityName(it), countText(it), ageOf(it)].filter(Boolean).join(" · ")}`)));
  const fields = h("fieldset", { class: "several" }, h("legend", { text: t("queue.merge.which") }), ...choices);
  const hint = h("p", { class: "hint", text: t("queue.merge.hint") });
  const send = buttons(t("queue.merge.send"), () => dialog.close());
  const { dialog } = ask("merge", counted("queue.merge.title", alerts.length), [fields, hint, send], async () => {
    const id = fields.querySelector("input:checked").value, others = alerts.filter(it => it.id !== id);
    try {
      const whole = await post(`/api/alerts/${id}/merge`, { alerts: others.map(it => it.id) });
      model.uncheck();
      model.apply([whole, ...others.map(it => ({ ...it, status: "closed", merged_into: id, version: it.version + 1 }))]);
      if (model.index.has(id)) model.select(model.index.get(id));
      toast(counted("queue.merge.done", others.length, { name: `${kindName(whole)} · ${placeName(whole)}` }));
      return true;
    } catch (error) {
      return problemOf(error);
    }
  });
  return fields.querySelector("input:checked").focus();
}

// `full` has the alert and its newest events.
export function askSplit(model, full) {
  if (!full) return toast(t("queue.split.loading"), "info");
  const { alert, events } = full;
  if (!open(alert) || alert.count < 2) return toast(t("queue.split.few"), "info");
  const rows = events.map(it => h("label", { class: "choice" },
    h("input", { type: "checkbox", value: it.id, test: "split-event" }),
    h("span", { text: [when(it.time, alert.time_zone), kindName({ ...alert, kind: it.kind }), it.picture && t("queue.split.picture")]
      .filter(Boolean).join(" · ") })));
  const shown = events.length < alert.count ? t("queue.split.newest", { count: events.length, all: alert.count }) : "";
  const fields = h("fieldset", { class: "several" }, h("legend", { text: t("queue.split.which") }), ...rows);
  const hint = h("p", { class: "hint", text: [t("queue.split.hint"), shown].filter(Boolean).join(" ") });
  const place = h("p", { class: "where", text: `${kindName(alert)} · ${placeName(alert)}` });
  const send = buttons(t("queue.split.send"), () => dialog.close());
  const { dialog } = ask("split", t("queue.split.title"), [place, fields, hint, send], async () => {
    const chosen = [...fields.querySelectorAll("input:checked")].map(it => it.value);
    if (!chosen.length) return { message: t("queue.split.none") };
    if (chosen.length >= alert.count) return { message: t("queue.split.all") };
    try {
      const found = await post(`/api/alerts/${alert.id}/split`, { events: chosen, version: alert.version });
      model.apply([found.alert, found.created]);
      const again = { text: t("queue.show"), run: () => model.open(found.created) };
      toast(counted("queue.split.done", chosen.length), "good", again);
      return true;
    } catch (error) {
      if (error.body?.alert) model.apply([error.body.alert]);
      return problemOf(error);
    }
  });
  return fields.querySelector("input")?.focus();
}
