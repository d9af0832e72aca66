// The small dialogs of the queue. A dialog closes when the server has taken what it asks for; until then nothing that
// was typed goes away. Enter sends; digits choose.

import { h, typing } from "../shell/dom.js";
import { forget, restore } from "../shell/drafts.js";
import { t } from "../shell/texts.js";
import { toast } from "../shell/toast.js";
import { kindName, OUTCOMES, placeName, SHELVES_MIN } from "./words.js";

const LONGEST_NOTE = 2000;

export function ask(name, title, content, send) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true, test: "dialog-problem" });
  const form = h("form", { method: "dialog" }, h("h2", { text: title, id: `${name}-title` }), ...content, problem);
  const dialog = h("dialog", { class: "ask", test: `${name}-dialog`, "aria-labelledby": `${name}-title` }, form);
  const back = document.activeElement;
  let sending = false;
  const submit = async () => {
    if (sending) return;
    sending = true;
    const done = await send(dialog);
    sending = false;
    if (done === true) dialog.close();
    else if (done) {
      problem.textContent = done.message;
      problem.hidden = false;
    }
  };
  form.addEventListener("submit", event => {
    event.preventDefault();
    submit();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    back?.focus?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, submit };
}

export function buttons(name, close) {
  return h("div", { class: "acts" },
    h("button", { type: "submit", class: "main", text: name, test: "dialog-send" }),
    h("button", { type: "button", text: t("queue.cancel"), onclick: close }));
}

function note(label, required) {
  const field = h("textarea", { rows: 3, maxLength: LONGEST_NOTE, required, test: "note-text", "aria-label": label });
  field.addEventListener("keydown", event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    field.form.requestSubmit();
  });
  return field;
}

export function askNote(actions) {
  const field = note(t("queue.note"), true);
  const { dialog } = ask("note", t("queue.note"), [field, buttons(t("queue.save"), () => dialog.close())], async () => {
    const done = await actions.run("note", { note: field.value });
    if (done === true) forget(field);
    return done;
  });
  restore(field);
  field.focus();
}

// Help is asked for one alert, whatever else is selected: the people of the next level are notified.
export function askHelp(actions, alert) {
  const field = note(t("queue.note.optional"), false);
  const label = h("label", {}, h("span", { text: t("queue.note.optional") }), field);
  const hint = h("p", { class: "hint", text: t("queue.escalate.hint") });
  const what = h("p", { class: "where", text: `${kindName(alert)} · ${placeName(alert)}` });
  const content = [what, hint, label, buttons(t("queue.escalate.send"), () => dialog.close())];
  const { dialog } = ask("escalate", t("queue.escalate"), content, async () => {
    const done = await actions.escalate(alert, field.value.trim());
    if (done !== true) return done;
    forget(field);
    toast(t("queue.escalate.done"));
    return true;
  });
  restore(field);
  field.focus();
}

// Numbered choices: a digit, or a click, chooses at once.
function choose(name, title, choices, extra, run) {
  const list = h("div", { class: "choices" }, ...choices.map(([value, text], number) =>
    h("button", { type: "button", test: `choice-${value}`, onclick: () => pick(value) },
      h("kbd", { text: String(number + 1) }), h("span", { text }))));
  let chosen = null;
  const { dialog, submit } = ask(name, title, [list, ...extra], () => run(chosen));
  function pick(value) {
    chosen = value;
    submit();
  }
  dialog.addEventListener("keydown", event => {
    const choice = choices[Number(event.key) - 1];
    if (!choice || typing(event.target)) return;
    event.preventDefault();
    pick(choice[0]);
  });
  list.querySelector("button").focus();
}

// Which alerts it is about was decided when it was opened: `run` moves the selection on.
export function askClose(wanted, run) {
  const field = note(t("queue.note.optional"), false);
  const label = h("label", {}, h("span", { text: t("queue.note.optional") }), field);
  choose("close", t("queue.close"), OUTCOMES.map(it => [it, t(`queue.outcome.${it}`)]), [label], async outcome => {
    if (!outcome) return { message: t("queue.choose") };
    const text = field.value.trim() ? field.value : "";
    const sent = run("close", { outcome, ...(text ? { note: text } : {}) }, wanted);
    if (!text) return true; // nothing that could be lost: the next key is for the next alert
    const done = await sent;
    if (done === true) forget(field);
    return done;
  });
  restore(field);
}

// Closing was refused because required steps are open: why they are may be said in the note.
export function askReason({ alerts, message }, body, run) {
  const field = note(t("queue.steps.note"), true), many = alerts.length > 1;
  field.setAttribute("aria-describedby", "reason-why");
  const [alert] = alerts, what = many ? "" : `${kindName(alert)} · ${placeName(alert)}`;
  const why = h("p", { class: "problem", role: "alert", id: "reason-why", text: message, test: "reason-why" });
  const label = h("label", {}, h("span", { text: t("queue.steps.note") }), field);
  const title = t("queue.state.closed", { outcome: t(`queue.outcome.${body.outcome}`) });
  const content = [h("p", { class: "where", text: [what, title].filter(Boolean).join(" · ") }), why, label,
    buttons(t("queue.steps.close"), () => dialog.close())];
  const { dialog } = ask("reason", t("queue.steps"), content, async () => {
    if (!field.value.trim()) return { message };
    const done = await run("close", { ...body, note: field.value }, alerts);
    if (done === true) forget(field);
    return done;
  });
  restore(field);
  field.focus();
}

export function askShelve(wanted, run) {
  const choices = SHELVES_MIN.map(it => [it, t(`queue.shelve.${it}`)]), usual = t("queue.shelve.usual");
  const hint = h("p", { class: "hint", text: t("queue.shelve.hint") });
  const field = h("input", { type: "text", value: usual, minLength: 3, maxLength: 200, required: true, test: "shelve-reason" });
  const label = h("label", {}, h("span", { text: t("queue.shelve.reason") }), field);
  choose("shelve", t("queue.shelve"), choices, [label, hint], async minutes => {
    if (!minutes) return { message: t("queue.choose") };
    if (field.value.trim().length < 3) return { message: t("queue.shelve.short") };
    const sent = run("shelve", { minutes, reason: field.value.trim() }, wanted);
    return field.value === usual ? true : sent;
  });
}

const KEYS = [
  ["J K", "move"], ["A", "acknowledge"], ["C 1–4", "close"], ["F", "false"], ["N", "note"], ["S 1–4", "shelve"], ["E", "escalate"],
  ["I", "assign"], ["M", "merge"], ["P", "split"], ["L", "live"], ["Space", "clip"], ["X", "select"], ["R", "refresh"], ["Ctrl K", "find"], ["?", "help"],
];

export function showHelp() {
  const rows = KEYS.flatMap(([key, name]) => [h("dt", {}, h("kbd", { text: key })), h("dd", { text: t(`queue.key.${name}`) })]);
  const close = h("button", { type: "submit", class: "main", text: t("shell.close") });
  ask("help", t("queue.keys"), [h("dl", { class: "keys" }, ...rows), h("div", { class: "acts" }, close)], async () => true);
  close.focus();
}
