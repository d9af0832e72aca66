// Consumers: other platforms that get events, who has requested and approved them, and how far they have read.

import { get, post } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { setQuery } from "../../shell/scope.js";
import { t } from "../../shell/texts.js";
import { button, confirmed, failing } from "../forms.js";
import { certificateForm } from "./certificate.js";
import { consumerForm } from "./consumer_form.js";
import { mqttPanel } from "./mqtt.js";
import { outputPanel } from "./outputs.js";
import { consumerRow } from "./rows.js";
import { webhookPanel } from "./webhooks.js";

const EVERY_MS = 10000;
const main = document.querySelector("main");
const problem = h("p", { class: "problem", role: "alert", hidden: true, test: "page-problem" });
const status = h("p", { class: "done", role: "status", test: "page-status" });
const place = h("div", { class: "opened" }), token = h("div", { class: "opened" });
const items = h("ul", { class: "items", test: "consumers" });
let scopes = [];

function open() {
  const close = (text = "") => {
    place.replaceChildren();
    setQuery({ new: "" });
    status.textContent = text;
    if (text) read();
    main.querySelector("[data-testid=new-consumer]")?.focus();
  };
  status.textContent = "";
  setQuery({ new: "1" });
  place.replaceChildren(consumerForm(scopes, close));
  place.querySelector("input")?.focus();
}

const decide = (it, action) => confirmed(t(`consumers.${action}.do`), t(`consumers.${action}.about`, { name: it.name }), t(`consumers.${action}.do`), async () => {
  await post(`/api/consumers/${encodeURIComponent(it.id)}/decide`, { action });
  status.textContent = t(`consumers.${action}.done`, { name: it.name });
  await read();
});

const makeToken = it => confirmed(t("consumers.token.new"), t(it.token_made ? "consumers.token.replace" : "consumers.token.about", { name: it.name }), t("consumers.token.new"), async () => {
  const made = await post(`/api/consumers/${encodeURIComponent(it.id)}/token`, {});
  token.replaceChildren(h("div", { class: "card-plain sheet", test: "token" }, h("h2", { text: t("consumers.token.of", { name: it.name }) }),
    h("p", { text: t("consumers.token.once") }), h("p", {}, h("code", { text: made.token, test: "token-text" })),
    h("div", { class: "acts" }, button(t("consumers.token.hide"), () => token.replaceChildren()))));
  token.scrollIntoView({ block: "nearest" });
  await read();
});

function openPanel(panel, it) {
  place.replaceChildren(panel(it, () => place.replaceChildren()));
  place.firstElementChild.focus();
  place.scrollIntoView({ block: "start" });
}

function openCertificate(it) {
  place.replaceChildren(certificateForm(it, async text => {
    place.replaceChildren();
    status.textContent = text || "";
    if (text) await read();
  }));
  place.querySelector("input").focus();
  place.scrollIntoView({ block: "start" });
}

async function read() {
  try {
    const found = await get("/api/consumers");
    scopes = found.scopes;
    const focused = document.activeElement?.dataset?.item;
    items.replaceChildren(...found.consumers.map(it => consumerRow(it, { decide, makeToken, certificate: openCertificate, webhooks: one => openPanel(webhookPanel, one), mqtt: one => openPanel(mqttPanel, one), outputs: one => openPanel(outputPanel, one) })));
    if (!found.consumers.length) items.append(h("li", { class: "none", text: t("consumers.none") }));
    if (focused) items.querySelector(`[data-item="${CSS.escape(focused)}"]`)?.focus();
    problem.hidden = true;
  } catch (error) {
    failing(problem)(error);
  }
}

main.append(problem, status, token, place, h("p", { class: "hint", text: t("consumers.about") }),
  h("section", { "aria-labelledby": "consumers-head" },
    h("div", { class: "head" }, h("h2", { id: "consumers-head", text: t("consumers") }), button(t("consumers.new"), open, { test: "new-consumer" })), items));
await read();
if (new URLSearchParams(location.search).get("new")) open();
setInterval(() => document.hidden || document.querySelector("dialog[open]") || read(), EVERY_MS);
addEventListener("paifang:back", read);
