// Sound: one tone for a new high alert; a critical one repeats until somebody has acknowledged it. Browsers play nothing
// before the first click at a site: until then the button in the bar says loudly that there is no sound.

import { get, may } from "./api.js";
import { byId } from "./dom.js";
import { markUrgent } from "./counts.js";
import { t } from "./texts.js";

const KEY = "paifang-sound", REPEAT_MS = 8000, SETTLE_MS = 400, MOST_HEARD = 2000;
const TONES = { critical: [880, 660, 880, 660], high: [660, 880] };
const button = byId("sound");
let context = null, timer = 0, asked = 0;
const heard = new Set();

const wanted = () => localStorage.getItem(KEY) !== "off";
const sounding = () => wanted() && context?.state === "running";

function show() {
  const on = sounding();
  button.setAttribute("aria-pressed", String(on));
  button.classList.toggle("loud", !on);
  const text = on ? "shell.sound.on" : wanted() ? "shell.sound.blocked" : "shell.sound.off";
  if (button.textContent !== t(text)) button.textContent = t(text);
}

function play(severity) {
  if (!sounding()) return;
  const start = context.currentTime;
  TONES[severity].forEach((pitch, number) => {
    const tone = context.createOscillator(), volume = context.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.25, start + number * 0.22);
    volume.gain.exponentialRampToValueAtTime(0.001, start + number * 0.22 + 0.2);
    tone.connect(volume).connect(context.destination);
    tone.start(start + number * 0.22);
    tone.stop(start + number * 0.22 + 0.2);
  });
}

async function unlock() {
  if (!wanted()) return;
  if (!context) {
    context = new AudioContext();
    context.addEventListener("statechange", show);
  }
  await context.resume().catch(() => {});
  show();
}

function alarm(on) {
  markUrgent(on);
  document.documentElement.classList.toggle("alarm", on);
  if (!on) {
    clearInterval(timer);
    timer = 0;
  } else if (!timer) {
    play("critical");
    timer = setInterval(() => play("critical"), REPEAT_MS);
  }
}

// The most urgent critical alert comes first: if a person has acknowledged that one, they have acknowledged all.
async function look() {
  const answer = await get("/api/alerts?order=urgency&status=open&severity=critical&limit=1");
  const first = answer.alerts[0];
  alarm(Boolean(first) && first.acknowledgement === "unacknowledged");
}

function soon() {
  clearTimeout(asked);
  asked = setTimeout(() => look().catch(() => {}), SETTLE_MS);
}

function changes(event) {
  for (const it of event.detail.alerts) {
    const fresh = it.acknowledgement === "unacknowledged" && it.status === "open" && !it.suppression;
    if (it.severity === "critical") soon();
    else if (it.severity === "high" && fresh && !heard.has(it.id)) {
      heard.add(it.id);
      if (heard.size > MOST_HEARD) heard.delete(heard.values().next().value);
      play("high");
    }
  }
}

export function start() {
  if (!may.see || !button) return;
  // the first press anywhere turns it on; the button itself decides with its click
  for (const name of ["pointerdown", "keydown"])
    addEventListener(name, event => sounding() || button.contains(event.target) || unlock(), true);
  button.addEventListener("click", async () => {
    const on = sounding();
    localStorage.setItem(KEY, on ? "off" : "on");
    if (on) await context.suspend();
    else await unlock();
    show();
  });
  addEventListener("paifang:changes", changes);
  for (const name of ["paifang:reset", "paifang:back"]) addEventListener(name, soon);
  soon();
  unlock(); // browsers allow it where the user came here by a click on the page before
  show();
}
