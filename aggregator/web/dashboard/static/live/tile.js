// One camera: its name and the picture's time stand on the picture. While nobody watches, the newest still is shown.
// No picture has a reason in words; a stream that breaks is asked for again.

import { sessionEnded } from "../shell/api.js";
import { boxText, closedText } from "../shell/box_words.js";
import { momentText } from "../shell/clock.js";
import { h } from "../shell/dom.js";
import { counted, data, has, t } from "../shell/texts.js";
import { SEVERITIES, whenZone } from "../queue/words.js";
import { isBlack } from "./black.js";
import { Player } from "./player.js";
import { newestStill } from "./stills.js";

const TICK_MS = 250, LATE_S = 5, FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 15000;
const ENDED = 4401, FORBIDDEN = 4403;
export const BROKEN = ["lost", "covered", "frozen", "refused"];
const NO_STILL = ["lost", "refused", "starting", "unknown"];

export class Tile {
  #player = null;
  #timer = 0;
  #again = 0;
  #tries = 0;
  #blank = false;
  #ticks = 0;
  #pending = false;

  constructor(camera) {
    this.camera = camera;
    this.place = `${camera.site}/${camera.box}/${camera.id}`;
    this.video = h("video", { muted: true, playsInline: true, test: "live-video", hidden: true, "aria-label": camera.name });
    this.still = h("img", { class: "still", test: "still", hidden: true, alt: "" });
    this.clock = h("time", { test: "live-clock" });
    this.reason = h("p", { class: "reason", role: "status", test: "live-told" });
    this.badge = h("span", { class: "live-badge", test: "live-lag" });
    this.button = h("button", { type: "button", test: "live-start", onclick: () => (this.wanted ? this.rest() : this.play()) });
    this.alerts = h("a", { class: "tile-alerts", test: "tile-alerts", hidden: true,
      href: `/?${new URLSearchParams({ site: camera.site, camera: camera.id })}` });
    this.element = h("article", { class: "tile", test: "tile", "data-camera": this.place, "aria-label": camera.name },
      h("div", { class: "screen" }, this.still, this.video, this.reason,
        h("div", { class: "over" }, h("b", { text: camera.name, test: "live-name" }), this.clock, this.badge)),
      h("div", { class: "tile-foot" }, h("span", { text: camera.site_name || "" }), this.alerts, this.button));
    this.wanted = false;
    this.#idle();
  }

  play() {
    this.wanted = true;
    this.#tries = 0;
    this.#open();
  }

  stop() {
    this.wanted = false;
    this.#end();
    this.#idle();
  }

  // Watch no more; the newest still takes the video's place.
  rest() {
    this.stop();
    this.refresh();
  }

  #open() {
    this.#end();
    this.say(t("wall.waits"));
    this.#label();
    this.#player = new Player(this.video, this.place, (code, reason) => this.#closed(code, reason));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #end() {
    clearInterval(this.#timer);
    clearTimeout(this.#again);
    this.#player?.stop();
    this.#player = null;
    this.video.hidden = this.still.hidden = true;
    this.clock.textContent = this.badge.textContent = "";
    this.#blank = false;
  }

  #label() {
    this.button.textContent = t(this.wanted ? "wall.stop" : "wall.watch");
    this.button.dataset.testid = this.wanted ? "live-stop" : "live-start";
    this.button.setAttribute("aria-label", `${this.button.textContent}: ${this.camera.name}`);
    this.element.classList.toggle("playing", this.wanted);
  }

  #idle() {
    const { state } = this.camera;
    this.#label();
    this.element.classList.toggle("broken", BROKEN.includes(state));
    if (!state || state === "up" || !has(`camera.state.${state}`)) this.say(t("wall.idle"));
    else this.say([t("wall.state", { state: t(`camera.state.${state}`) }), this.#since(), boxText(this.camera.problem, this.camera.problem_code)].filter(Boolean).join(" · "));
  }

  // What the box reports of the camera now.
  update(camera) {
    const before = this.camera.state;
    this.camera = camera;
    if (this.wanted) return;
    if (before !== camera.state) this.stop();
    this.refresh();
  }

  #since() {
    return this.camera.since ? t("shell.since", { time: whenZone(this.camera.since, this.camera.time_zone) }) : "";
  }

  // Shows the newest still, unless the camera is watched or has no picture. One request at a time: a box that does not
  // answer would make the requests of the next rounds wait behind it without end.
  async refresh() {
    const idle = () => !this.wanted && this.element.isConnected && !document.hidden;
    if (this.wanted || this.#pending || NO_STILL.includes(this.camera.state)) return;
    this.#pending = true;
    const still = await newestStill(this.place, idle);
    this.#pending = false;
    if (!still || this.wanted) return;
    if (!still.url) {
      if (this.still.hidden && !BROKEN.includes(this.camera.state)) this.say(t("wall.no_still"));
      return;
    }
    this.still.src = still.url;
    this.still.alt = t("wall.still.of", { name: this.camera.name });
    this.still.hidden = false;
    this.clock.textContent = momentText(new Date(still.time_ms), this.camera.time_zone);
    this.badge.textContent = t("wall.still");
    this.badge.classList.remove("late");
    if (!BROKEN.includes(this.camera.state)) this.say("");
  }

  // Open alerts of the camera frame the tile and lead to the queue; `counts` has a number for each severity.
  warn(counts) {
    const worst = counts && SEVERITIES.find(it => counts[it]);
    for (const it of SEVERITIES) this.element.classList.toggle(`warn-${it}`, it === worst);
    this.alerts.hidden = !worst;
    if (worst) this.alerts.textContent = counted("wall.alerts", SEVERITIES.reduce((sum, it) => sum + counts[it], 0));
  }

  say(text) {
    if (this.reason.textContent !== text) this.reason.textContent = text;
  }

  #closed(code, reason) {
    this.#end();
    if (code === ENDED) return sessionEnded();
    if (code === FORBIDDEN) {
      this.wanted = false;
      this.#label();
      return this.say(t("shell.error.forbidden"));
    }
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#tries++);
    const told = closedText(code, reason);
    const why = told && (data.language === "en" || told !== reason) ? told.replace(/[.。]?$/, data.language === "en" ? "." : "。") : t("wall.away");
    this.say(t("wall.again", { reason: why, seconds: Math.round(pause / 1000) }));
    this.#again = setTimeout(() => this.#open(), pause);
    return undefined;
  }

  #tick() {
    const shown = this.#player?.shown();
    if (!shown) return;
    this.#tries = 0;
    this.video.hidden = false;
    if (this.#ticks++ % 4 === 0) this.#blank = isBlack(this.video);
    this.clock.textContent = momentText(new Date(shown.time_ms), this.camera.time_zone);
    const late = shown.lag_s > LATE_S;
    this.badge.textContent = t(late ? "wall.late" : "wall.live", { seconds: shown.lag_s.toFixed(1) });
    this.badge.classList.toggle("late", late || this.#blank);
    // a black picture is no live view, however new it is
    this.say(this.#blank ? t("wall.masked") : "");
    if (this.#blank) this.badge.textContent = t("wall.masked.short");
  }
}
