// Fields of forms: each has a label, and says what is wrong with it. What was typed stays when the server refuses it.

import { h } from "../shell/dom.js";
import { restore } from "../shell/drafts.js";
import { t } from "../shell/texts.js";
import { problemsOf } from "./errors.js";

let number = 0;

// A control with its label. `path` is the field's name in the API's errors.
export function field(path, label, control, hint = "") {
  const id = (control.id ||= `field-${++number}`);
  const wrong = h("p", { class: "wrong", id: `${id}-wrong`, hidden: true, test: `wrong-${path}` });
  const help = hint ? h("p", { class: "hint", id: `${id}-hint`, text: hint }) : null;
  if (help) control.setAttribute("aria-describedby", help.id);
  queueMicrotask(() => control.matches("input, textarea") && restore(control));
  return h("div", { class: "field", "data-path": path }, h("label", { htmlFor: id, text: label }), control, help, wrong);
}

export const input = (props = {}) => h("input", { type: "text", autocomplete: "off", ...props });
export const button = (text, onclick, props = {}) => h("button", { type: "button", text, onclick, ...props });

export function select(choices, props = {}) {
  const { value, ...rest } = props;
  const element = h("select", rest, ...choices.map(([it, text]) => h("option", { value: it, text })));
  if (value !== undefined) element.value = value;
  return element;
}

export function check(label, props = {}) {
  const box = h("input", { type: "checkbox", ...props });
  return h("label", { class: "check" }, box, h("span", { text: label }));
}

function clear(root) {
  root.querySelector(":scope > .problem")?.remove();
  for (const wrong of root.querySelectorAll(".wrong")) {
    wrong.textContent = "";
    wrong.hidden = true;
  }
  for (const control of root.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

// The field that a path is about: its own, else that of the part which holds it.
function fieldOf(root, path) {
  const fields = [...root.querySelectorAll("[data-path]")];
  for (let at = path; at; at = at.includes(".") ? at.slice(0, at.lastIndexOf(".")) : "") {
    const found = fields.find(it => it.dataset.path === at) || fields.find(it => it.dataset.path.startsWith(`${at}.`));
    if (found) return found;
  }
  return null;
}

function mark(owner, text) {
  const wrong = owner.querySelector(":scope > .wrong");
  wrong.textContent = [wrong.textContent, text].filter(Boolean).join(" ");
  wrong.hidden = false;
  for (let it = owner.closest("details"); it; it = it.parentElement.closest("details")) it.open = true;
  const control = owner.querySelector("input, select, textarea, summary");
  if (control?.matches("input, select, textarea")) control.setAttribute("aria-invalid", "true");
  control?.setAttribute("aria-describedby", [wrong.id, `${control.id}-hint`].filter(it => document.getElementById(it)).join(" "));
  return control;
}

// Say what is wrong, at the fields; what belongs to no field stands at the form's end.
// `refine(problem)`: a closer path than the API's.
function showProblems(root, error, refine = it => it.path) {
  clear(root);
  let first = null;
  const rest = [];
  for (const problem of problemsOf(error)) {
    const path = refine(problem), { text } = problem, owner = path ? fieldOf(root, path) : null;
    if (owner) first ||= mark(owner, text);
    else rest.push(path ? `${path}: ${text}` : text);
  }
  if (rest.length) root.append(h("p", { class: "problem", role: "alert", text: rest.join(" "), test: "form-problem" }));
  (first || root.querySelector(":scope > .problem"))?.scrollIntoView({ block: "nearest" });
  first?.focus();
}

// A form that sends once at a time. `send` throws what the API answers.
export function form(name, title, content, send, refine) {
  let sending = false;
  const element = h("form", { class: "sheet", test: name, "aria-labelledby": `${name}-title`, noValidate: true },
    h("h2", { id: `${name}-title`, text: title }), ...content);
  element.addEventListener("submit", async event => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    element.setAttribute("aria-busy", "true");
    try {
      clear(element);
      await send();
    } catch (error) {
      showProblems(element, error, refine);
    } finally {
      sending = false;
      element.removeAttribute("aria-busy");
    }
  });
  return element;
}

// Shows an error in an element for problems.
export const failing = problem => error => {
  problem.textContent = problemsOf(error).map(it => it.text).join(" ");
  problem.hidden = false;
};

// Makes handlers of buttons: each runs, and then `read` shows what holds now. `before` and `after` an error: more to do.
export const acting = (problem, read, { before = () => {}, after = () => {} } = {}) => run => async () => {
  problem.hidden = true;
  before();
  try {
    await run();
    await read();
  } catch (error) {
    failing(problem)(error);
    await after();
  }
};

// Ask before something that cannot be taken back.
export function confirmed(title, text, action, run) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const back = document.activeElement;
  const content = h("form", { method: "dialog" }, h("h2", { id: "confirm-title", text: title }), h("p", { text }), problem,
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: action, test: "confirm" }),
      button(t("queue.cancel"), () => dialog.close())));
  const dialog = h("dialog", { class: "ask", "aria-labelledby": "confirm-title", test: "confirm-dialog" }, content);
  content.addEventListener("submit", async event => {
    event.preventDefault();
    try {
      await run();
      dialog.close();
    } catch (error) {
      failing(problem)(error);
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (back?.isConnected) back.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}
