// Plays fragmented MP4 from a WebSocket through Media Source Extensions: live close to the newest picture, footage with
// some pictures in hand.

const HEAD = 9, BEHIND_S = 8, MOST_QUEUED = 150;
const LIVE = { route: "live", far_s: 0.35, near_s: 0.04, question: null };

// The codec's name out of the avcC box (ISO/IEC 14496-15).
function codec(bytes) {
  for (let i = 0; i + 8 < bytes.length; i++)
    if (bytes[i] === 97 && bytes[i + 1] === 118 && bytes[i + 2] === 99 && bytes[i + 3] === 67)
      return "avc1." + [5, 6, 7].map(k => bytes[i + k].toString(16).padStart(2, "0")).join("");
  return "avc1.42c01e";
}

export class Player {
  #queue = [];
  #source = null;
  #buffer = null;
  #url = "";
  #ahead_ms = 0;
  #over = false;

  // `place` is site/box/camera; `closed(code, reason)` is called once when the stream ends by itself. `route` and
  // `question` (sent first) choose the stream; the picture shown is `near_s` to `far_s` behind the newest one.
  constructor(video, place, closed, stream = LIVE) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.video = video;
    this.stream = stream;
    this.newest_ms = 0;
    this.socket = new WebSocket(`${scheme}://${location.host}/api/${stream.route}/${place}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => stream.question && this.socket.send(JSON.stringify(stream.question));
    this.socket.onmessage = event => this.#take(event.data);
    this.socket.onclose = event => this.#over || closed(event.code, event.reason);
  }

  #take(data) {
    if (typeof data === "string") {
      this.#ahead_ms = Date.now() - JSON.parse(data).now_ms;
      return;
    }
    const head = new DataView(data), bytes = new Uint8Array(data, HEAD);
    if (head.getUint8(0) === 0) {
      if (!this.#source) this.#open(bytes);
      return;
    }
    if (!this.#source) return;
    this.newest_ms = Number(head.getBigUint64(1) / 1000000n);
    this.#queue.push(bytes);
    if (this.#queue.length > MOST_QUEUED) this.socket.close();
    this.#feed();
  }

  #open(bytes) {
    this.#source = new MediaSource();
    this.#queue.push(bytes);
    this.#source.addEventListener("sourceopen", () => {
      if (this.#over) return;
      this.#buffer = this.#source.addSourceBuffer(`video/mp4; codecs="${codec(bytes)}"`);
      this.#buffer.mode = "segments";
      this.#buffer.addEventListener("updateend", () => this.#feed());
      this.#feed();
    }, { once: true });
    this.#url = URL.createObjectURL(this.#source);
    this.video.src = this.#url;
  }

  #feed() {
    const buffer = this.#buffer, video = this.video;
    if (this.#over || !buffer || buffer.updating || this.#source.readyState !== "open") return;
    const ranges = buffer.buffered;
    if (ranges.length && video.currentTime - ranges.start(0) > BEHIND_S + 4) {
      buffer.remove(0, video.currentTime - BEHIND_S);
      return;
    }
    const next = this.#queue.shift();
    if (next) buffer.appendBuffer(next);
    if (!ranges.length) return;
    const end = ranges.end(ranges.length - 1);
    if (video.currentTime < ranges.start(ranges.length - 1) || end - video.currentTime > this.stream.far_s)
      video.currentTime = Math.max(ranges.start(ranges.length - 1), end - this.stream.near_s);
    if (video.paused) video.play().catch(() => {});
  }

  // What is on the screen: when it was (ms, the box's time) and how late it is (s); null before the first picture.
  shown() {
    const ranges = this.#buffer?.buffered;
    if (!ranges?.length || !this.newest_ms) return null;
    const waits = ranges.end(ranges.length - 1) - this.video.currentTime;
    return {
      time_ms: Math.round(this.newest_ms - 1000 * waits),
      lag_s: Math.max(0, (Date.now() - this.#ahead_ms - this.newest_ms) / 1000 + waits),
    };
  }

  // Ends the stream; the last picture stays.
  end() {
    if (this.#over) return;
    this.#over = true;
    this.socket.close();
    if (this.#url) URL.revokeObjectURL(this.#url);
  }

  // Ends the stream; no picture stays.
  stop() {
    if (this.#over) return;
    this.end();
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }
}
