// MQTT of a consumer: on or off, its account at the broker, lag and errors, Home Assistant.

import { get, post, request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { counted, t } from "../../shell/texts.js";
import { whenZone } from "../../queue/words.js";
import { problemText } from "../errors.js";
import { acting, button, check, confirmed, failing } from "../forms.js";
import { zone } from "./rows.js";

const EVERY_MS = 5000;

export function mqttPanel(consumer, close) {
  const path = `/api/consumers/${encodeURIComponent(consumer.id)}/mqtt`;
  const body = h("div", { class: "opened" }), account = h("div", { class: "opened" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true }), status = h("p", { class: "done", role: "status", test: "mqtt-status" });
  const fail = failing(problem);
  const act = acting(problem, () => read(), { before: () => (status.textContent = ""), after: () => read().catch(() => {}) });

  function show(made) {
    account.replaceChildren(h("div", { class: "card-plain sheet", test: "mqtt-account" }, h("h3", { text: t("consumers.mqtt.account") }), h("p", { text: t("consumers.mqtt.once") }),
      h("dl", { class: "addresses" }, h("dt", { text: t("consumers.mqtt.user") }), h("dd", {}, h("code", { text: made.username })),
        h("dt", { text: t("consumers.mqtt.password") }), h("dd", {}, h("code", { text: made.password }))),
      h("div", { class: "acts" }, button(t("consumers.token.hide"), () => account.replaceChildren()))));
  }

  const turnOn = act(async () => {
    const made = await post(path, {});
    if (made.password) show(made);
    status.textContent = t("consumers.mqtt.turned_on");
  });
  const renew = () => confirmed(t("consumers.mqtt.renew"), t("consumers.mqtt.renew.about"), t("consumers.mqtt.renew"), async () => {
    show(await post(`${path}/password`, {}));
    await read();
  });
  const turnOff = () => confirmed(t("consumers.mqtt.off"), t("consumers.mqtt.off.about", { name: consumer.name }), t("consumers.mqtt.off"), async () => {
    await request("DELETE", path);
    account.replaceChildren();
    status.textContent = t("consumers.mqtt.turned_off");
    await read();
  });
  const assist = on => act(async () => {
    await post(`${path}/home-assistant`, { on });
    status.textContent = t(on ? "consumers.mqtt.ha.on" : "consumers.mqtt.ha.off");
  })();

  function shown(it, broker) {
    const facts = [counted("consumers.lag", it.lag), it.delivered ? t("consumers.mqtt.delivered", { time: whenZone(it.delivered, zone) }) : t("consumers.mqtt.delivered.never"), t("consumers.hook.cursor", { cursor: it.position }), t("consumers.mqtt.made", { name: it.made_by, time: whenZone(it.made, zone) })];
    const failing = [problemText(it.problem), it.next && t("consumers.hook.next", { time: whenZone(it.next, zone) })].filter(Boolean).join(" · ");
    const assistant = check(t("consumers.mqtt.ha"), { checked: it.home_assistant, test: "mqtt-ha", "data-item": "ha", onchange: event => assist(event.target.checked) });
    return [
      h("p", {}, h("span", { class: `tag ${it.problem ? "bad" : "active"}`, text: t(it.problem ? "consumers.mqtt.state.failing" : "consumers.mqtt.state.on"), test: "mqtt-state" })),
      h("dl", { class: "addresses" }, h("dt", { text: t("consumers.mqtt.broker") }), h("dd", { text: `${broker.host}:${broker.port}` }),
        h("dt", { text: t("consumers.mqtt.user") }), h("dd", {}, h("code", { text: it.username })), h("dt", { text: t("consumers.mqtt.topics") }), h("dd", {}, h("code", { text: `${it.tree}/#` }))),
      h("p", { class: "where", text: facts.join(" · ") }), it.problem ? h("p", { class: "wrong", text: failing, test: "mqtt-problem" }) : null,
      broker.embedded ? null : h("p", { class: "hint", text: t("consumers.mqtt.external") }),
      assistant, h("p", { class: "hint", text: t("consumers.mqtt.ha.hint", { prefix: `${it.tree}/homeassistant` }) }),
      h("div", { class: "acts" }, broker.embedded ? button(t("consumers.mqtt.renew"), renew, { test: "mqtt-renew", "data-item": "renew" }) : null, button(t("consumers.mqtt.off"), turnOff, { test: "mqtt-off", "data-item": "off" })),
    ].filter(Boolean);
  }

  const off = () => [h("p", { class: "none", text: t("consumers.mqtt.none") }), h("p", { class: "hint", text: t("consumers.mqtt.about") }),
    h("div", { class: "acts" }, button(t("consumers.mqtt.on"), turnOn, { class: "main", test: "mqtt-on" }))];

  async function read() {
    const found = await get(path), focused = document.activeElement?.dataset?.item;
    body.replaceChildren(...(found.output ? shown(found.output, found.broker) : off()));
    if (focused) body.querySelector(`[data-item="${CSS.escape(focused)}"]`)?.focus();
  }

  const timer = setInterval(() => (element.isConnected ? document.hidden || document.querySelector("dialog[open]") || read().catch(fail) : clearInterval(timer)), EVERY_MS);
  const element = h("section", { class: "sheet", test: "mqtt-panel", tabIndex: -1, "aria-labelledby": "mqtt-head" },
    h("div", { class: "head" }, h("h2", { id: "mqtt-head", text: t("consumers.mqtt.of", { name: consumer.name }) }), button(t("consumers.hook.close"), close)),
    problem, status, account, body);
  read().catch(fail);
  return element;
}
