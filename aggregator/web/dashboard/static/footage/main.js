// Plays footage: the slider follows the picture, and the page gets the moment at which it ended.

import { dateTime } from "../shell/clock.js";
import { closedText } from "../shell/box_words.js";
import { isBlack } from "../live/black.js";
import { Player } from "../live/player.js";

const EVERY_MS = 250, DISTANCE = { far_s: 2.5, near_s: 0.8 };
const at = id => document.querySelector(`[data-testid=${id}]`);
let view = null;

function stop() {
  if (!view) return;
  const { player, timer, span, shown_ms } = view;
  view = null;
  clearInterval(timer);
  player.end();
  window.emitEvent("played", [span.run, shown_ms || span.from_ms]);
}

// `span`: of the page: run, from_ms, to_ms, reason, zone, day_ms, name.
function start(place, span) {
  stop();
  const state = at("live-told"), { from_ms, to_ms, reason } = span;
  const video = at("live-video"), still = at("still-picture");
  video.poster = still && Number(still.dataset.at_ms) === from_ms ? still.src : ""; // until the first frame
  const player = new Player(video, place, (code, problem) => {
    state.textContent = closedText(code, problem) || state.dataset.ended;
    stop();
  }, { route: "play", question: { from_ms, to_ms, reason }, ...DISTANCE });
  const own = view = { player, span, shown_ms: 0, timer: setInterval(() => show(own, state), EVERY_MS) };
  state.textContent = state.dataset.waits;
}

function show(own, state) {
  const shown = own.player.shown();
  if (!shown) return;
  own.shown_ms = shown.time_ms;
  const time = dateTime(new Date(shown.time_ms), own.span.zone);
  const text = `${own.span.name} · ${state.dataset.shown.replace("{time}", time)}`;
  state.textContent = isBlack(at("live-video")) ? `${text} · ${state.dataset.black}` : text;
  point(own.span.day_ms, Math.round((shown.time_ms - own.span.day_ms) / 1000));
}

// Moves the slider and the playhead to a second of the day.
function point(day_ms, at_s) {
  at("scrub").value = at_s;
  movePlayhead(day_ms + at_s * 1000);
}

function movePlayhead(time_ms) {
  const line = at("day-line"), head = at("playhead");
  if (!line || !head) return;
  const { from_ms, to_ms } = line.dataset, share = (time_ms - from_ms) / (to_ms - from_ms);
  head.setAttribute("visibility", share >= 0 && share <= 1 ? "visible" : "hidden");
  for (const name of ["x1", "x2"]) head.setAttribute(name, Math.min(1, Math.max(0, share)) * line.viewBox.baseVal.width);
}

// While the slider is dragged; the page gets the moment when it is let go.
addEventListener("input", event => {
  const { target } = event;
  if (target === at("scrub")) movePlayhead(Number(target.dataset.day_ms) + target.value * 1000);
});
addEventListener("pagehide", stop);
window.paifangView = { start, stop, point };
