// The selected alert: picture, clip and live view, its events, its history, and what can be done.

import { get, may } from "../shell/api.js";
import { boxText } from "../shell/box_words.js";
import { h } from "../shell/dom.js";
import { t } from "../shell/texts.js";
import { historyEntry } from "./history.js";
import { clipView, eventPicture, liveView } from "./media.js";
import { fresh, open } from "./model.js";
import { Procedure } from "./procedure.js";
import {
  countText, flagTexts, hasCamera, kindName, objectName, placeName, severityName, stateText, when, whenZone,
} from "./words.js";

const SETTLE_MS = 150;

// The page of reports with the false alarms of the alert's rule, and changes of it.
function ruleReport({ site, box, camera, kind, subject }) {
  return `/reports?${new URLSearchParams({ site, box, place: camera, kind, subject })}#rule`;
}

// Why there is no clip yet, or none at all.
function clipText(clip, alert) {
  if (!clip || clip.state === "stored" || alert.has_clip) return "";
  return `${t(`clip.${clip.state}`)} ${boxText(clip.problem, clip.problem_code)}`.trim();
}

export class Detail {
  #timer = 0;
  #abort = null;
  #alert = null;
  #full = null;
  #media = null;

  constructor(model, act) {
    this.model = model;
    this.act = act;
    this.bar = h("div", { class: "acts", role: "group", "aria-label": t("queue.actions") });
    this.head = h("div", { class: "detail-head" });
    this.clipState = h("p", { class: "where", role: "status", test: "clip-state" });
    this.stage = h("div", { class: "stage", test: "stage" });
    this.tools = h("div", { class: "tools" });
    this.procedure = new Procedure(() => this.#alert && this.#read(this.#alert));
    this.events = h("div", { class: "events" });
    this.history = h("div", { class: "history" });
    this.body = h("div", { class: "detail-body" }, this.head, this.bar, this.tools, this.clipState,
      this.stage, this.procedure.element, this.events, this.history);
    this.none = h("p", { class: "none", text: t("queue.none.selected") });
    this.element = h("section", { class: "detail", test: "alert-detail", "aria-label": t("queue.detail") },
      h("button", { type: "button", class: "back", text: t("queue.back"), test: "back", onclick: () => this.leave() }),
      this.none, this.body);
    model.addEventListener("selected", () => this.show());
    model.addEventListener("rows", () => this.#refresh());
    this.show();
  }

  leave() {
    document.querySelector("main").classList.remove("detailed");
    document.getElementById("queue-rows").focus();
  }

  // What is known from the row is shown at once; the rest is asked for when the selection rests.
  show() {
    const alert = this.model.current;
    this.none.hidden = Boolean(alert);
    this.body.hidden = !alert;
    clearTimeout(this.#timer);
    this.#abort?.abort();
    if (!alert) {
      this.#end();
      this.#alert = null;
      return;
    }
    if (this.#alert?.id === alert.id) return this.#refresh();
    this.#end();
    this.#alert = alert;
    this.#full = null;
    this.element.dataset.alert = alert.id;
    this.procedure.clear();
    this.clipState.textContent = "";
    this.events.replaceChildren();
    this.history.replaceChildren();
    this.stage.replaceChildren(h("div", { class: "shot" }, h("span", { text: t("queue.loading") })));
    this.#draw(alert);
    this.#timer = setTimeout(() => this.#read(alert), SETTLE_MS);
  }

  #end() {
    this.#media?.stop?.();
    this.#media = null;
  }

  #refresh() {
    const alert = this.model.current;
    if (!alert || alert.id !== this.#alert?.id || alert === this.#alert) return;
    this.#alert = alert;
    this.#draw(alert);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#read(alert), SETTLE_MS);
  }

  async #read(alert) {
    this.#abort?.abort();
    this.#abort = new AbortController();
    this.procedure.read(alert, this.#abort.signal);
    try {
      const full = await get(`/api/alerts/${alert.id}`, this.#abort.signal);
      if (this.#alert?.id !== alert.id) return;
      this.#full = full;
      this.#details(full.alert);
    } catch (error) {
      if (error.name === "AbortError" || this.#alert?.id !== alert.id) return;
      this.#details(alert);
      this.events.replaceChildren(h("p", { class: "problem", role: "alert", text: error.message }));
    }
  }

  #draw(alert) {
    const zone = alert.time_zone, subject = alert.subject === alert.camera ? "" : alert.subject; // a door's id, named above
    const facts = [objectName(alert), subject, countText(alert), ...flagTexts(alert)];
    const span = alert.count > 1
      ? t("queue.span", { first: when(alert.first, zone), last: whenZone(alert.last, zone) })
      : whenZone(alert.last, zone);
    this.head.className = `detail-head ${alert.severity}`;
    this.head.replaceChildren(
      h("div", {}, h("span", { class: "tag severity", text: severityName(alert) }),
        h("span", { class: "tag", text: stateText(alert), test: "detail-state" }),
        h("span", { class: "tag", text: t(`queue.condition.${alert.condition}`) })),
      h("h2", { text: kindName(alert), test: "detail-kind" }),
      h("p", { class: "place" }, h("b", { text: placeName(alert) }), ` · ${alert.site_name}`
        + (alert.area ? ` · ${alert.area}` : "")),
      h("p", { class: "where", text: [...facts.filter(Boolean), span].join(" · "), test: "detail-times" }),
      ...(alert.note ? [h("p", { class: "where lines", text: t("queue.noted", { note: alert.note }) })] : []));
    this.#buttons(alert);
    this.#tools(alert);
  }

  #buttons(alert) {
    const focused = this.bar.contains(document.activeElement) ? document.activeElement.dataset.action : "";
    const button = (action, key, main) => h("button", {
      type: "button", class: main ? "main" : "", test: action, "data-action": action, "aria-keyshortcuts": key || null,
      onclick: () => this.act(action),
    }, h("span", { text: t(`queue.do.${action}`) }), key && h("kbd", { text: key }));
    const all = may.work ? [
      open(alert) && fresh(alert) && button("acknowledge", "A", true),
      open(alert) && button("close", "C"), open(alert) && button("false_alarm", "F"),
      button("note", "N"),
      open(alert) && !alert.suppression && button("escalate", "E"),
      open(alert) && !alert.suppression && button("shelve", "S"),
      open(alert) && alert.suppression?.kind === "shelved" && button("unshelve"),
      open(alert) && alert.acknowledgement !== "assigned" && button("assign", "I"),
      open(alert) && alert.count > 1 && button("split", "P"),
      !open(alert) && button("reopen"),
    ] : [];
    this.bar.replaceChildren(...all.filter(Boolean));
    // an action that took its own button away leaves the focus on the next one, never on the page
    if (focused) (this.bar.querySelector(`[data-action=${focused}]`) || this.bar.firstElementChild)?.focus();
  }

  #tools(alert) {
    const tool = (name, key, run) => h("button", { type: "button", class: "quiet", test: `tool-${name}`, onclick: run },
      h("span", { text: t(`queue.tool.${name}`) }), key && h("kbd", { text: key }));
    const at = new URLSearchParams({ camera: `${alert.site}/${alert.box}/${alert.camera}`, at: alert.first });
    this.tools.replaceChildren(...[
      alert.picture && tool("picture", "", () => this.picture()),
      alert.has_clip && may.clips && tool("clip", "Space", () => this.clip()),
      hasCamera(alert) && may.live && tool("live", "L", () => this.live()),
      hasCamera(alert) && may.footage && h("a", { href: `/footage?${at}`, class: "button", test: "tool-footage",
        text: t("queue.tool.footage", { time: when(alert.first, alert.time_zone) }) }),
      may.reports && h("a", { href: ruleReport(alert), class: "button", test: "tool-rule", text: t("queue.tool.rule") }),
    ].filter(Boolean));
  }

  #details(alert) {
    if (!this.#media) this.picture();
    this.clipState.textContent = clipText(this.#full?.clip, alert);
    const events = this.#full?.events || [];
    this.events.replaceChildren(h("h3", { text: t("queue.events", { count: alert.count }) }),
      h("div", { class: "strip" }, ...events.map(it => h("button", {
        type: "button", class: "quiet", disabled: !it.picture, test: "event", onclick: () => this.event(it),
        text: `${when(it.time, alert.time_zone)}${it.picture ? " ▣" : ""}`,
      }))));
    const history = this.#full?.history || [];
    const entries = history.map(it => historyEntry(it, alert));
    this.history.replaceChildren(h("h3", { text: t("queue.history") }), h("ol", {}, ...entries));
  }

  // The alert that is shown, with its newest events as they were read.
  get full() {
    return this.#full && this.#full.alert.id === this.#alert?.id ? { alert: this.#alert, events: this.#full.events } : null;
  }

  #put(media) {
    this.#end();
    this.#media = media;
    this.stage.replaceChildren(media.element);
  }

  picture() {
    const alert = this.#alert, newest = this.#full?.events?.find(it => it.picture);
    if (alert) this.#put(eventPicture(alert, newest || { picture: alert.picture, time: alert.last }));
  }

  event(it) {
    this.#put(eventPicture(this.#alert, it));
  }

  clip() {
    const alert = this.#alert;
    if (!alert?.has_clip || !may.clips) return;
    if (this.#media?.toggle && this.#media.clip === alert.id) this.#media.toggle();
    else this.#put(clipView(alert));
  }

  live() {
    const alert = this.#alert;
    if (!alert || !hasCamera(alert) || !may.live) return;
    if (this.#media?.live) this.picture();
    else this.#put(liveView(alert));
  }
}

