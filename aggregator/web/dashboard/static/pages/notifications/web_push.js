// This browser as a target: a service worker shows messages also when no page is open, until the session ends.

import { post, request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";
import { problemsOf } from "../errors.js";
import { button, field, input } from "../forms.js";

const WORKER = "/notifications/worker.js", SCOPE = "/notifications/", KEPT = "paifang-push";

const bytes = text => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), it => it.charCodeAt(0));
const equal = (one, other) => one && one.byteLength === other.length && new Uint8Array(one).every((it, at) => it === other[at]);

// Why this browser cannot be notified; empty: it can.
function obstacle() {
  if (!isSecureContext) return t("notify.push.insecure");
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) return t("notify.push.unknown");
  return Notification.permission === "denied" ? t("notify.push.denied") : "";
}

async function subscription(key) {
  const worker = await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
  await started(worker);
  const wanted = bytes(key), old = await worker.pushManager.getSubscription();
  if (old && equal(old.options?.applicationServerKey, wanted)) return old;
  if (old) await old.unsubscribe(); // made with the keys of another server
  return worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
}

function started(worker) {
  const waiting = worker.installing || worker.waiting;
  if (worker.active || !waiting) return Promise.resolve();
  return new Promise(done => waiting.addEventListener("statechange", () => waiting.state === "activated" && done()));
}

export function browserSection(changed, languages) {
  let key = "", target = "";
  const problem = h("p", { class: "problem", role: "alert", hidden: true, test: "push-problem" }), state = h("p", { role: "status", test: "push-state" });
  const label = input({ test: "push-label", maxLength: 60, value: t("notify.push.label") }), language = languages();
  const on = button(t("notify.push.on"), () => run(add), { class: "main", test: "push-on" });
  const off = button(t("notify.push.off"), () => run(remove), { test: "push-off", hidden: true });
  const fields = h("div", { class: "grid" }, field("label", t("notify.label"), label), field("language", t("notify.language"), language));
  const element = h("section", { class: "sheet", test: "push", "aria-labelledby": "push-head" }, h("h2", { id: "push-head", text: t("notify.push") }),
    h("p", { class: "hint", text: t("notify.push.about") }), state, fields, problem, h("div", { class: "acts" }, on, off));

  async function run(work) {
    problem.hidden = true;
    on.disabled = off.disabled = true;
    try {
      await work();
      await changed();
    } catch (error) {
      problem.textContent = error.status === undefined ? t("notify.push.failed", { problem: error.message }) : problemsOf(error).map(it => it.text).join(" ");
      problem.hidden = false;
    }
    on.disabled = off.disabled = false;
    update();
  }

  async function add() {
    if (await Notification.requestPermission() !== "granted") throw Object.assign(new Error(t("notify.push.denied")), { status: 0 });
    const made = (await subscription(key)).toJSON();
    const added = await post("/api/me/notifications/web-push", { endpoint: made.endpoint, keys: { p256dh: made.keys.p256dh, auth: made.keys.auth },
      label: label.value.trim(), language: language.value });
    localStorage.setItem(KEPT, added.id);
  }

  async function remove() {
    await request("DELETE", `/api/me/notifications/${encodeURIComponent(target)}`);
    localStorage.removeItem(KEPT);
    const worker = await navigator.serviceWorker.getRegistration(SCOPE);
    await (await worker?.pushManager.getSubscription())?.unsubscribe();
  }

  // Nothing is offered before the server's key is known: a subscription without it is of no use.
  function update() {
    const why = obstacle();
    state.textContent = why || (key && t(target ? "notify.push.is_on" : "notify.push.is_off"));
    on.hidden = fields.hidden = Boolean(why || target || !key);
    off.hidden = !target;
    fields.style.display = fields.hidden ? "none" : "";
  }

  update();
  return {
    element,
    show(answer) {
      key = answer.web_push_key;
      const kept = localStorage.getItem(KEPT);
      target = answer.targets.some(it => it.id === kept) ? kept : "";
      update();
    },
  };
}
