// Placing devices on a plan: by dragging, or with the arrow keys. Nothing is saved before Save is pressed.

import { request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { data, t } from "../../shell/texts.js";
import { keyOf } from "./devices.js";

const STEP = 0.01, FINE = 0.002;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const button = (text, test, onclick, more = {}) => h("button", { type: "button", text, test, onclick, ...more });
export const told = error => (data.language === "en" && error.body?.error) || error.message;
const bounded = share => Math.round(Math.min(1, Math.max(0, share)) * 10000) / 10000;
const query = area => `?${new URLSearchParams({ area })}`;

export class Editor {
  #symbols = [];
  #before = "";
  #chosen = "";
  #saving = Promise.resolve();

  // `canvas` draws; `devices` knows the places; `changed()` is called after something was saved.
  constructor(canvas, devices, changed) {
    Object.assign(this, { canvas, devices, changed, active: false });
    this.file = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp", hidden: true, test: "plan-file",
      tabIndex: -1, "aria-label": t("map.upload"), onchange: () => this.#upload() });
    this.upload = button(t("map.upload"), "plan-upload", () => this.file.click());
    this.save = button(t("map.save"), "plan-save", () => this.#save());
    this.cancel = button(t("map.cancel"), "plan-cancel", () => this.#cancel());
    this.remove = button(t("map.delete"), "plan-delete", () => this.sure.showModal());
    this.status = h("p", { role: "status", test: "plan-status", class: "where" });
    this.problem = h("p", { class: "problem", role: "alert", test: "plan-problem", hidden: true });
    this.add = h("select", { test: "plan-add", "aria-label": t("map.add"), onchange: () => this.#add() });
    this.direction = h("input", { type: "number", min: 0, max: 359, test: "plan-direction", oninput: () => this.#turn() });
    this.turned = h("label", { class: "direction" }, h("span", { text: t("map.direction") }), this.direction);
    this.take = button(t("map.remove"), "plan-remove", () => this.#remove());
    this.sure = this.#question();
    this.element = h("section", { class: "map-editor", hidden: true, "aria-label": t("map.edit"), test: "plan-editor" },
      h("div", { class: "map-tools" }, this.upload, this.file, this.add, this.turned, this.take, this.save, this.cancel, this.remove),
      h("p", { class: "where", text: t("map.edit.help") }), this.problem, this.status, this.sure);
    this.canvas.element.addEventListener("keydown", event => this.#key(event));
    addEventListener("beforeunload", event => this.dirty && event.preventDefault());
  }

  get dirty() {
    return this.active && JSON.stringify(this.#symbols) !== this.#before;
  }

  // Begins with a plan of {site, area, plan}; without a plan only a picture can be sent.
  open(target) {
    this.target = target;
    this.active = true;
    this.#symbols = (target.plan?.symbols || []).map(it => ({ ...it }));
    this.#before = JSON.stringify(this.#symbols);
    this.element.hidden = false;
    this.upload.textContent = t(target.plan ? "map.upload.other" : "map.upload");
    for (const it of [this.add, this.save, this.cancel, this.remove]) it.hidden = !target.plan;
    this.canvas.edit(Boolean(target.plan));
    this.choose("");
    this.#list();
    this.#fault("");
  }

  close() {
    this.active = false;
    this.element.hidden = true;
    this.canvas.edit(false);
    this.canvas.mark("");
  }

  // The symbols as they would be saved.
  shown() {
    return this.#symbols.map(it => this.devices.shown(this.target.site, it));
  }

  choose(key) {
    this.#chosen = key;
    const symbol = this.#symbol();
    this.canvas.mark(key);
    this.take.hidden = !symbol;
    this.turned.hidden = symbol?.kind !== "camera";
    this.direction.value = symbol?.direction ?? "";
  }

  // To a place on the picture; what lies outside of it stops at the edge.
  move(key, left, top) {
    const symbol = this.#symbols.find(it => this.#keyOf(it) === key), x = bounded(left), y = bounded(top);
    if (!symbol) return;
    Object.assign(symbol, { x, y });
    this.canvas.update(this.shown());
    const name = this.devices.shown(this.target.site, symbol).name;
    this.#say(t("map.moved", { name, x: Math.round(x * 100), y: Math.round(y * 100) }));
  }

  #keyOf(symbol) {
    return keyOf({ ...symbol, site: this.target.site });
  }

  #symbol() {
    return this.#symbols.find(it => this.#keyOf(it) === this.#chosen);
  }

  #key(event) {
    const step = ARROWS[event.key], key = event.target.closest(".map-symbol")?.dataset.key;
    const symbol = key && this.#symbols.find(it => this.#keyOf(it) === key);
    if (!this.active || !symbol || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Delete") {
      this.choose(key);
      this.#remove();
    } else if (step) {
      const by = event.shiftKey ? FINE : STEP;
      if (key !== this.#chosen) this.choose(key);
      this.move(key, symbol.x + step[0] * by, symbol.y + step[1] * by);
    } else return;
    event.preventDefault();
  }

  // Devices of the site that are not on the plan yet; those of the area first.
  #list() {
    const { site, area } = this.target, there = new Set(this.#symbols.map(it => this.#keyOf(it)));
    const here = it => (area && !it.areas.includes(area) ? 1 : 0);
    const free = this.devices.all().filter(it => it.site === site && !there.has(keyOf(it)))
      .sort((a, b) => here(a) - here(b) || a.name.localeCompare(b.name));
    this.add.replaceChildren(h("option", { value: "", text: t(free.length ? "map.add" : "map.add.none") }),
      ...free.map(it => h("option", { value: keyOf(it), text: `${it.name} · ${t(`map.kind.${it.kind}`)}` })));
  }

  #add() {
    const device = this.devices.all().find(it => keyOf(it) === this.add.value);
    if (!device) return;
    const { kind, box, id } = device, key = keyOf(device);
    this.#symbols.push({ kind, box, id, x: 0.5, y: 0.5 });
    this.#list();
    this.canvas.update(this.shown());
    this.choose(key);
    this.canvas.focus(key);
    this.#say(t("map.added", { name: device.name }));
  }

  #remove() {
    const symbol = this.#symbol();
    if (!symbol) return;
    this.#symbols = this.#symbols.filter(it => it !== symbol);
    this.choose("");
    this.#list();
    this.canvas.update(this.shown());
    this.add.focus();
    this.#say(t("map.removed", { name: this.devices.shown(this.target.site, symbol).name }));
  }

  #turn() {
    const symbol = this.#symbol(), degrees = Number.parseInt(this.direction.value, 10);
    if (!symbol) return;
    if (Number.isNaN(degrees)) delete symbol.direction;
    else symbol.direction = ((degrees % 360) + 360) % 360;
    this.canvas.update(this.shown());
  }

  // One after the other: each names the version that the one before has made.
  #save() {
    this.#saving = this.#saving.then(() => this.#put());
  }

  async #put() {
    const { site, area, plan } = this.target, sent = JSON.stringify(this.#symbols);
    const symbols = this.#symbols.map(({ kind, box, id, x, y, direction }) => ({ kind, box, id, x, y, direction: direction ?? null }));
    const saved = await this.#do(() => request("PUT", `/api/plans/${site}/symbols${query(area)}`, { version: plan.version, symbols }));
    if (!saved) return;
    this.target = { ...this.target, plan: saved };
    await this.#saved(t("map.saved"), sent);
  }

  async #upload() {
    const [file] = this.file.files, { site, area } = this.target;
    this.file.value = "";
    if (!file) return;
    if (this.dirty) return this.#fault(t("map.upload.first"));
    this.#say(t("map.uploading"));
    const saved = await this.#do(() => send(`/api/plans/${site}/picture${query(area)}`, file));
    if (saved) await this.#saved(t("map.saved"));
    return undefined;
  }

  #question() {
    const dialog = h("dialog", { class: "ask", "aria-label": t("map.delete"), test: "plan-sure" }, h("p", { text: t("map.delete.sure") }),
      h("div", { class: "acts" }, button(t("map.delete"), "plan-delete-sure", async () => {
        dialog.close();
        const { site, area } = this.target;
        if (await this.#do(() => request("DELETE", `/api/plans/${site}${query(area)}`))) await this.#saved(t("map.deleted"));
      }), button(t("map.cancel"), "plan-delete-not", () => dialog.close())));
    return dialog;
  }

  // What was changed while it was being sent is not saved yet.
  async #saved(text, sent = JSON.stringify(this.#symbols)) {
    this.#before = sent;
    await this.changed();
    this.#say(text);
  }

  #cancel() {
    this.#symbols = JSON.parse(this.#before);
    this.choose("");
    this.#list();
    this.canvas.update(this.shown());
    this.#say(t("map.cancelled"));
  }

  async #do(work) {
    this.#fault("");
    try {
      return await work();
    } catch (error) {
      this.#fault(told(error));
      this.#say("");
      return null;
    }
  }

  #fault(text) {
    this.problem.hidden = !text;
    this.problem.textContent = text;
  }

  #say(text) {
    this.status.textContent = text;
  }
}

// A file as it is: the API's own helper sends JSON.
async function send(path, file) {
  const answer = await fetch(path, { method: "PUT", body: file, headers: { Accept: "application/json", "Content-Type": file.type } });
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  const key = answer.status === 413 ? "map.upload.large" : answer.status === 422 ? "map.upload.wrong" : "shell.error.store";
  throw Object.assign(new Error(t(key)), { body: answer.status === 413 ? null : body });
}
