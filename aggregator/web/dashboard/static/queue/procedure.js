// The procedure of the selected alert: a check box for each step, and who ticked it off when. A tick is at once at the
// server; where it fails the box is as it was, with the reason.

import { get, may, request } from "../shell/api.js";
import { h } from "../shell/dom.js";
import { data, t } from "../shell/texts.js";
import { open } from "./model.js";
import { when } from "./words.js";

const OPEN_STEPS = /required steps are not ticked off \(([\d, ]+)\)/;

// The numbers of the required steps because of which an alert was not closed; "": it was another reason.
export const openSteps = text => OPEN_STEPS.exec(text || "")?.[1] || "";

// A step in the reader's language, where it has one.
export const sentence = step => (data.language.startsWith("zh") ? step.zh_CN || step.en : step.en || step.zh_CN);

export class Procedure {
  #alert = null;
  #boxes = new Map();
  #sending = new Map();
  #last = Promise.resolve();

  constructor(ticked) {
    this.ticked = ticked;
    this.steps = h("ol", {});
    this.problem = h("p", { class: "problem", role: "alert", hidden: true, test: "procedure-problem" });
    this.element = h("section", { class: "procedure", hidden: true, test: "procedure", "aria-label": t("queue.procedure") },
      h("h3", { text: t("queue.procedure") }), this.steps, this.problem);
  }

  clear() {
    this.#alert = null;
    this.#boxes.clear();
    this.#sending.clear();
    this.steps.replaceChildren();
    this.element.hidden = this.problem.hidden = true;
  }

  async read(alert, signal) {
    if (this.#alert?.id !== alert.id) this.clear();
    this.#alert = alert;
    try {
      const found = await get(`/api/alerts/${alert.id}/procedure`, signal);
      if (this.#alert?.id === alert.id) this.#show(found);
    } catch (error) {
      if (error.name !== "AbortError" && this.#alert?.id === alert.id) this.#fail(error);
    }
  }

  #fail(error) {
    this.element.hidden = this.problem.hidden = false;
    this.problem.textContent = error.message;
  }

  // Rows stay in the document, so that the focus stays on its box.
  #show(found) {
    this.problem.hidden = true;
    this.element.hidden = !found.steps.length;
    for (const step of found.steps) {
      if (!this.#boxes.has(step.number)) this.#add(step);
      const { box, done } = this.#boxes.get(step.number);
      box.disabled = !may.work || !open(this.#alert);
      if (this.#sending.get(step.number)) continue;
      box.checked = Boolean(step.done);
      done.textContent = step.done
        ? t("queue.procedure.done", { name: step.done_by, time: when(step.done, this.#alert.time_zone) }) : "";
    }
  }

  #add(step) {
    const alert = this.#alert;
    const box = h("input", { type: "checkbox", test: `step-${step.number}`, onchange: () => this.#tick(alert, step.number) });
    const done = h("span", { class: "where", test: `step-${step.number}-done` });
    const required = step.required && h("span", { class: "flag", text: t("queue.procedure.required") });
    this.steps.append(h("li", {}, h("label", {}, box, h("span", { text: sentence(step) }), required), done));
    this.#boxes.set(step.number, { box, done });
  }

  // Ticks follow each other: the newest answer is that to the newest tick.
  #tick(alert, number) {
    const { box } = this.#boxes.get(number), wanted = box.checked, sending = this.#sending;
    sending.set(number, (sending.get(number) || 0) + 1);
    this.#last = this.#last.then(() => this.#send(alert, number, wanted));
  }

  async #send(alert, number, wanted) {
    const here = () => this.#alert?.id === alert.id;
    const settled = () => here() && this.#sending.set(number, Math.max(0, (this.#sending.get(number) || 0) - 1));
    try {
      const found = await request("PUT", `/api/alerts/${alert.id}/procedure/${number}`, { done: wanted });
      settled();
      if (!here()) return;
      this.#show(found);
      this.ticked();
    } catch (error) {
      settled();
      if (!here()) return;
      if (!this.#sending.get(number)) this.#boxes.get(number).box.checked = !wanted;
      this.#fail(error);
    }
  }
}
