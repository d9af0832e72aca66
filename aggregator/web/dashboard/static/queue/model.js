// The loaded part of the queue. Its order is the server's when it was read, and stays until it is read again: no row
// moves under a pointer. Changes replace rows in place; new alerts wait, counted.

import { get } from "../shell/api.js";

const FIRST = 100, NEXT = 500, AHEAD = 150;

export class Model extends EventTarget {
  rows = [];
  index = new Map();
  checked = new Set();
  waiting = new Map();
  selected = -1;
  next = null;
  loading = false;
  failed = null;
  loaded = false;
  #query = {};
  #run = 0;

  get current() {
    return this.rows[this.selected] || null;
  }

  say(name) {
    this.dispatchEvent(new Event(name));
  }

  async read(query = this.#query) {
    const run = ++this.#run;
    this.#query = query;
    this.loading = true;
    try {
      const page = await this.#page(FIRST, null);
      if (run !== this.#run) return;
      this.failed = null;
      this.#replace(page);
    } catch (error) {
      if (run === this.#run) this.failed = error;
    }
    if (run !== this.#run) return;
    this.loading = false;
    this.say("list");
  }

  // Read on where somebody comes near the end of what is loaded.
  async more(row) {
    if (this.loading || !this.next || row < this.rows.length - AHEAD) return;
    const run = this.#run;
    this.loading = true;
    try {
      const page = await this.#page(NEXT, this.next);
      if (run !== this.#run) return;
      for (const it of page.alerts) if (!this.index.has(it.id)) this.#add(it);
      this.next = page.next;
      this.failed = null;
    } catch (error) {
      this.failed = error;
    }
    this.loading = false;
    this.say("list");
  }

  #page(limit, cursor) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ order: "urgency", ...this.#query, limit }))
      [value].flat().forEach(it => query.append(name, it));
    if (cursor) query.set("cursor", cursor);
    return get(`/api/alerts?${query}`);
  }

  #add(alert) {
    this.index.set(alert.id, this.rows.length);
    this.rows.push(alert);
  }

  // A new reading: the selected row keeps its place, in the list as it was.
  #replace(page) {
    const kept = this.current, place = this.selected;
    this.rows = [];
    this.index.clear();
    this.waiting.clear();
    page.alerts.forEach(it => this.#add(it));
    this.next = page.next;
    this.loaded = true;
    this.selected = kept ? this.index.get(kept.id) ?? -1 : -1;
    if (kept && this.selected < 0) this.#keep(kept, Math.min(place, this.rows.length));
    if (!kept && this.rows.length) this.selected = 0;
    this.checked = new Set([...this.checked].filter(id => this.index.has(id)));
    this.say("read");
    this.say("selected");
  }

  #keep(alert, place) {
    this.rows.splice(place, 0, alert);
    this.rows.forEach((it, number) => this.index.set(it.id, number));
    this.selected = place;
  }

  select(place) {
    const row = Math.max(0, Math.min(place, this.rows.length - 1));
    if (!this.rows.length || row === this.selected) return;
    this.selected = row;
    this.more(row);
    this.say("selected");
  }

  // Nothing is selected any more.
  forget() {
    this.selected = -1;
    this.checked.clear();
    this.say("checked");
  }

  // An alert from a link, whether it is in the list or not.
  open(alert) {
    const place = this.index.get(alert.id);
    if (place === undefined) this.#keep(alert, 0);
    else this.selected = place;
    this.say("list");
    this.say("selected");
  }

  // The row after one that was worked on; the next that nobody has acknowledged, if there is one below.
  advance(from) {
    const below = this.rows.findIndex((it, number) => number > from && open(it) && fresh(it));
    const then = below >= 0 ? below : this.rows.findIndex((it, number) => number > from && open(it));
    if (then >= 0) this.select(then);
    return then >= 0;
  }

  toggle(id) {
    this.checked.has(id) ? this.checked.delete(id) : this.checked.add(id);
    this.say("checked");
  }

  uncheck() {
    this.checked.clear();
    this.say("checked");
  }

  // Newer states, from the feed or as answers to actions.
  apply(alerts, wanted = () => true) {
    let changed = false;
    for (const it of alerts) {
      const place = this.index.get(it.id);
      if (place !== undefined) {
        if (it.version >= this.rows[place].version) this.rows[place] = it;
        changed = true;
      } else if (open(it) && !it.suppression && wanted(it)) this.waiting.set(it.id, it);
      else this.waiting.delete(it.id);
    }
    if (changed) this.say("rows");
    this.say("waiting");
  }
}

export const open = alert => alert.status === "open";
export const fresh = alert => alert.acknowledgement === "unacknowledged";
