// The newest redacted still of a camera. Two requests at a time, so that a box that does not answer delays few others.

import { sessionEnded } from "../shell/api.js";

const AT_ONCE = 2, TIMEOUT_MS = 15000;
let running = 0;
const waiting = [];

function next() {
  if (running >= AT_ONCE || !waiting.length) return;
  running++;
  waiting.shift()().finally(() => {
    running--;
    next();
  });
}

const dataUrl = blob => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result);
  reader.onerror = () => failed(reader.error);
  reader.readAsDataURL(blob);
});

async function load(place) {
  const answer = await fetch(`/api/stills/${place}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.status === 401) sessionEnded();
  if (!answer.ok) return { url: "", time_ms: 0 };
  const time = Date.parse((answer.headers.get("Picture-Time") || "").replace(/(\.\d{3})\d+/, "$1"));
  return { url: await dataUrl(await answer.blob()), time_ms: time };
}

// {url, time_ms}, with an empty url where the box gives none; null where it failed, or `wanted()` was false at its turn.
// `place` is site/box/camera.
export function newestStill(place, wanted) {
  return new Promise(done => {
    waiting.push(() => (wanted() ? load(place) : Promise.resolve(null)).catch(() => null).then(done));
    next();
  });
}
