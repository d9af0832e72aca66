// Several values out of many: a fold with a check box for each, and a search field where there are many. Where `free` is
// set, Enter in the search field adds what stands there.

import { h } from "../shell/dom.js";
import { t } from "../shell/texts.js";

const MANY = 12, MOST = 200;
let number = 0;

export class Choices {
  // `options`: () => [[value, text]]; `all`: what nothing chosen means.
  constructor(path, label, options, { all = t("form.any"), chosen = [], changed = () => {}, free = false } = {}) {
    Object.assign(this, { label, options, all, changed, free, chosen: new Set(chosen) });
    const id = `choices-${++number}`;
    this.summary = h("summary", { test: `choose-${path}`, id, "aria-labelledby": `${id}-label ${id}-value` }, h("b", { id: `${id}-value` }));
    this.find = h("input", { type: "search", "aria-label": t("form.find", { label }), placeholder: t("form.find", { label }), oninput: () => this.#list(),
      test: `find-${path}`, onkeydown: event => event.key === "Enter" && !event.isComposing && this.#entered(event) });
    this.list = h("div", { class: "checks", role: "group", "aria-label": label });
    this.element = h("div", { class: "field choices-field", "data-path": path }, h("span", { class: "label", id: `${id}-label`, text: label }),
      h("details", { ontoggle: () => this.#list() }, this.summary, h("div", { class: "fold" }, this.find, this.list)),
      h("p", { class: "wrong", id: `${id}-wrong`, hidden: true, test: `wrong-${path}` }));
    this.show();
  }

  get values() {
    return [...this.chosen];
  }

  names() {
    const texts = new Map(this.options());
    return this.values.map(it => texts.get(it) || it);
  }

  show() {
    this.#sum();
    this.#list();
  }

  #sum() {
    const names = this.names(), value = this.summary.firstElementChild;
    value.textContent = (names.length > 4 ? `${names.slice(0, 3).join(t("form.and"))} … (${names.length})` : names.join(t("form.and"))) || this.all;
    value.className = names.length ? "" : "soft";
  }

  #list() {
    if (!this.element.querySelector("details").open) return;
    const known = this.options(), more = this.values.filter(it => !known.some(([value]) => value === it)).map(it => [it, it]);
    const options = [...more, ...known], words = this.find.value.toLowerCase();
    this.find.hidden = options.length <= MANY && !this.free;
    const shown = options.filter(([value, text]) => `${text} ${value}`.toLowerCase().includes(words)).slice(0, MOST);
    this.list.replaceChildren(...shown.map(([value, text]) => h("label", { class: "check" },
      h("input", { type: "checkbox", value, checked: this.chosen.has(value), onchange: event => this.#set(value, event.target.checked) }),
      h("span", { text }))));
    const typed = this.find.value.trim();
    if (this.free && typed && !options.some(([value]) => value === typed))
      this.list.append(h("button", { type: "button", text: t("form.add", { text: typed }), onclick: () => this.#entered() }));
    else if (!shown.length) this.list.append(h("p", { class: "hint", text: t("form.nothing") }));
  }

  // Enter never sends the form from here: it chooses.
  #entered(event) {
    event?.preventDefault();
    const typed = this.find.value.trim();
    const found = this.options().find(it => it.some(text => text.toLowerCase() === typed.toLowerCase()));
    if (!typed || (!found && !this.free)) return;
    this.find.value = "";
    this.#set(found ? found[0] : typed, true);
    this.#list();
    this.find.focus();
  }

  #set(value, on) {
    on ? this.chosen.add(value) : this.chosen.delete(value);
    this.#sum();
    this.changed();
  }
}
