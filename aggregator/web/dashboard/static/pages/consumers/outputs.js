// The video outputs of a consumer: cameras whose redacted live view is sent to a receiver, with their state and problem.

import { get, post, request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { siteName } from "../../shell/scope.js";
import { counted, t } from "../../shell/texts.js";
import { whenZone } from "../../queue/words.js";
import { problemText } from "../errors.js";
import { acting, button, confirmed, failing, field, form, input, select } from "../forms.js";
import { zone } from "./rows.js";

const EVERY_MS = 5000;
const path = (it, action = "") => `/api/video-outputs/${encodeURIComponent(it.id)}${action}`;
const key = it => JSON.stringify([it.site, it.box, it.id]);

export function outputPanel(consumer, close) {
  const items = h("ul", { class: "items", test: "outputs" }), problem = h("p", { class: "problem", role: "alert", hidden: true });
  const address = input({ type: "url", test: "output-address", maxLength: 1000, spellcheck: false });
  address.removeAttribute("name"); // drafts do not keep it: it may hold a password
  const camera = select([], { test: "output-camera" });
  let cameras = [];

  const fail = failing(problem), act = acting(problem, () => read());
  const nameOf = it => t("consumers.output.camera.at", { site: siteName(it.site), camera: cameras.find(one => key(one) === key({ ...it, id: it.camera }))?.name || it.camera });
  const remove = it => confirmed(t("consumers.output.remove"), t("consumers.output.remove.about", { host: it.host }), t("consumers.output.remove"), act(() => request("DELETE", path(it))));

  function row(it) {
    const state = it.state === "paused" ? "paused" : it.sending ? "sending" : "trying";
    const facts = [`${it.scheme}://${it.host}`, it.sending && t("consumers.output.since", { time: whenZone(it.sending, zone) }), t("consumers.output.made", { name: it.made_by, time: whenZone(it.made, zone) })];
    const failing = state === "trying" && it.problem ? [problemText(it.problem), counted("consumers.output.tries", it.tries), it.next && t("consumers.hook.next", { time: whenZone(it.next, zone) })].filter(Boolean).join(" · ") : "";
    const one = (text, run, test) => button(t(text), run, { test, "data-item": `${it.id}.${test}`, "aria-label": `${t(text)}: ${nameOf(it)}, ${it.host}` });
    return h("li", { class: "item wide", test: "output" },
      h("div", { class: "item-head" }, h("span", { class: `tag ${{ sending: "active", trying: "bad", paused: "scheduled" }[state]}`, text: t(`consumers.output.state.${state}`) }), h("b", { text: nameOf(it) })),
      h("p", { class: "where", text: facts.filter(Boolean).join(" · ") }), failing ? h("p", { class: "wrong", text: failing }) : null,
      h("div", { class: "acts" }, state === "paused" ? null : one("consumers.output.pause", act(() => post(path(it, "/pause"), {})), "output-pause"),
        state === "sending" ? null : one(state === "paused" ? "consumers.output.resume" : "consumers.output.again", act(() => post(path(it, "/resume"), {})), "output-resume"),
        one("consumers.output.remove", () => remove(it), "output-remove")));
  }

  async function read() {
    const found = await get(`/api/consumers/${encodeURIComponent(consumer.id)}/video-outputs`);
    if (JSON.stringify(found.cameras) !== JSON.stringify(cameras)) {
      const chosen = camera.value;
      cameras = found.cameras;
      camera.replaceChildren(...cameras.map(it => h("option", { value: key(it), text: nameOf({ ...it, camera: it.id }) })));
      if (chosen) camera.value = chosen;
    }
    add.hidden = !cameras.length;
    const focused = document.activeElement?.dataset?.item;
    items.replaceChildren(...found.video_outputs.map(row));
    if (!found.video_outputs.length) items.append(h("li", { class: "none", text: t(cameras.length ? "consumers.output.none" : "consumers.output.no_camera") }));
    if (focused) items.querySelector(`[data-item="${CSS.escape(focused)}"]`)?.focus();
  }

  const add = form("output-form", t("consumers.output.new"), [
    h("div", { class: "grid" }, field("camera", t("consumers.output.camera"), camera), field("address", t("consumers.output.address"), address, t("consumers.output.address.hint"))),
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: t("consumers.output.add"), test: "output-add" }))], async () => {
    const [site, box, id] = JSON.parse(camera.value);
    await post(`/api/consumers/${encodeURIComponent(consumer.id)}/video-outputs`, { site, box, camera: id, address: address.value.trim() });
    address.value = "";
    await read();
  });
  const timer = setInterval(() => (element.isConnected ? document.hidden || document.querySelector("dialog[open]") || read().catch(fail) : clearInterval(timer)), EVERY_MS);
  const element = h("section", { class: "sheet", test: "output-panel", tabIndex: -1, "aria-labelledby": "outputs-head" },
    h("div", { class: "head" }, h("h2", { id: "outputs-head", text: t("consumers.output.of", { name: consumer.name }) }), button(t("consumers.hook.close"), close)),
    h("p", { class: "hint", text: t("consumers.output.about") }), problem, items, add);
  read().catch(fail);
  return element;
}
