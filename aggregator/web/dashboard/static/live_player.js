// Plays fragmented MP4 from a WebSocket through Media Source Extensions: live close to the newest picture, footage with
// some pictures in hand.
(() => {
  const HEAD = 9, BEHIND_S = 8;
  const LIVE = { route: "live", far_s: 0.35, near_s: 0.04 }, PAST = { route: "play", far_s: 2.5, near_s: 0.8 };
  let view = null;
  const at = id => document.querySelector(`[data-testid=${id}]`);

  function codec(bytes) {
    for (let i = 0; i + 8 < bytes.length; i++)
      if (bytes[i] === 97 && bytes[i + 1] === 118 && bytes[i + 2] === 99 && bytes[i + 3] === 67)
        return "avc1." + [5, 6, 7].map(k => bytes[i + k].toString(16).padStart(2, "0")).join("");
    return "avc1.42c01e";
  }

  function stop() {
    if (!view) return;
    const old = view;
    view = null;
    clearInterval(old.timer);
    old.socket.close();
    if (old.url) URL.revokeObjectURL(old.url);
    if (old.past) emitEvent("played", [old.past.run, old.shown_ms || old.past.from_ms]);
  }

  function start(place, past) {
    stop();
    const video = at("live-video"), told = at("live-told"), how = past ? PAST : LIVE;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/${how.route}/${place}`);
    const own = { socket, past, queue: [], ahead: 0 };
    view = own;
    if (past)
      socket.onopen = () =>
        socket.send(JSON.stringify({ from_ms: past.from_ms, to_ms: past.to_ms, reason: past.reason }));
    window.paifangLive = own;
    own.socket.binaryType = "arraybuffer";
    told.textContent = told.dataset.waits;

    function feed() {
      const buffer = own.buffer;
      if (!buffer || buffer.updating || own.source.readyState !== "open") return;
      const ranges = buffer.buffered;
      if (ranges.length && video.currentTime - ranges.start(0) > BEHIND_S + 4) {
        buffer.remove(0, video.currentTime - BEHIND_S);
        return;
      }
      const next = own.queue.shift();
      if (next) buffer.appendBuffer(next);
      if (!ranges.length) return;
      const end = ranges.end(ranges.length - 1);
      if (video.currentTime < ranges.start(ranges.length - 1) || end - video.currentTime > how.far_s)
        video.currentTime = Math.max(ranges.start(ranges.length - 1), end - how.near_s);
      if (video.paused) video.play().catch(() => {});
    }

    function open(bytes) {
      own.source = new MediaSource();
      own.queue.push(bytes);
      own.source.addEventListener("sourceopen", () => {
        own.buffer = own.source.addSourceBuffer(`video/mp4; codecs="${codec(bytes)}"`);
        own.buffer.mode = "segments";
        own.buffer.addEventListener("updateend", feed);
        feed();
      }, { once: true });
      own.url = URL.createObjectURL(own.source);
      video.src = own.url;
    }

    own.socket.onmessage = event => {
      if (typeof event.data === "string") {
        own.ahead = Date.now() - JSON.parse(event.data).now_ms;
        return;
      }
      const head = new DataView(event.data), bytes = new Uint8Array(event.data, HEAD);
      if (head.getUint8(0) === 0) return own.source ? undefined : open(bytes);
      if (!own.source) return;
      own.newest_ms = Number(head.getBigUint64(1) / 1000000n);
      own.queue.push(bytes);
      if (own.queue.length > 150) own.socket.close();
      feed();
    };
    own.socket.onclose = event => {
      if (view !== own) return;
      told.textContent = event.reason || told.dataset.ended;
      if (past) stop();
      else clearInterval(own.timer);
    };
    own.timer = setInterval(() => {
      if (!own.buffer || !own.buffer.buffered.length || !own.newest_ms) return;
      const waits = own.buffer.buffered.end(own.buffer.buffered.length - 1) - video.currentTime;
      if (past) {
        own.shown_ms = Math.round(own.newest_ms - 1000 * waits);
        const time = new Date(own.shown_ms).toLocaleString("sv-SE", { timeZone: past.zone });
        told.textContent = told.dataset.shown.replace("{time}", time);
        at("scrub").value = Math.round((own.shown_ms - past.day_ms) / 1000);
        return;
      }
      own.lag_s = Math.max(0, (Date.now() - own.ahead - own.newest_ms) / 1000 + waits);
      told.textContent = told.dataset.lag.replace("{seconds}", own.lag_s.toFixed(1));
    }, 250);
  }

  document.addEventListener("click", event => {
    if (event.target.closest("[data-testid=live-start]")) start(at("live-camera").value);
    if (event.target.closest("[data-testid=live-stop]")) {
      stop();
      at("live-told").textContent = "";
    }
  });
  addEventListener("pagehide", stop);
  window.paifangView = { start, stop };
})();
