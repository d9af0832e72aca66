// The webhooks of a consumer: state, lag and errors, test events, keys, replay from a cursor, messages given up.

import { get, post, request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { counted, t } from "../../shell/texts.js";
import { whenZone } from "../../queue/words.js";
import { problemText } from "../errors.js";
import { acting, button, confirmed, failing, field, form, input, select } from "../forms.js";
import { zone } from "./rows.js";

const EVERY_MS = 5000;
const TAGS = { active: "active", unconfirmed: "scheduled", disabled: "bad" };
const path = (it, action = "") => `/api/webhooks/${encodeURIComponent(it.id)}${action}`;

export function webhookPanel(consumer, close) {
  const items = h("ul", { class: "items", test: "webhooks" }), letters = h("div", { class: "opened" }), keys = h("div", { class: "opened" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true }), status = h("p", { class: "done", role: "status", test: "webhook-status" });
  const url = input({ type: "url", test: "webhook-url", maxLength: 1000, spellcheck: false });
  url.removeAttribute("name");
  const mode = select(["structured", "batched"].map(it => [it, t(`consumers.hook.mode.${it}`)]), { test: "webhook-mode" });

  const fail = failing(problem), act = acting(problem, () => read(), { before: () => (status.textContent = "") });
  // The result of a request to the receiver.
  function report(done, text) {
    status.textContent = done ? text : "";
    if (!done) fail(new Error(text));
  }
  const answered = it => report(it.state === "active", it.state === "active" ? t("consumers.hook.confirmed") : problemText(it.problem));

  function showKeys(made) {
    keys.replaceChildren(h("div", { class: "card-plain sheet", test: "webhook-keys" }, h("h3", { text: t("consumers.hook.keys") }), h("p", { text: t("consumers.hook.keys.once") }),
      h("dl", { class: "addresses" }, h("dt", { text: "v1" }), h("dd", {}, h("code", { text: made.secret })), h("dt", { text: "v1a" }), h("dd", {}, h("code", { text: made.public_key }))),
      h("div", { class: "acts" }, button(t("consumers.token.hide"), () => keys.replaceChildren()))));
  }

  const confirm = it => act(async () => answered(await post(path(it, "/confirm"), {})));
  const test = it => act(async () => {
    const found = await post(path(it, "/test"), {});
    report(found.sent, found.sent ? t("consumers.hook.test.sent") : t("consumers.hook.test.failed", { problem: problemText(found.problem) }));
  });
  const rotate = it => confirmed(t("consumers.hook.rotate"), t("consumers.hook.rotate.about"), t("consumers.hook.rotate"), async () => showKeys(await post(path(it, "/keys"), {})));
  const remove = it => confirmed(t("consumers.hook.remove"), t("consumers.hook.remove.about", { host: it.host }), t("consumers.hook.remove"), async () => {
    await request("DELETE", path(it));
    letters.replaceChildren();
    await read();
  });

  function rewind(it) {
    const after = input({ test: "webhook-after", maxLength: 18, inputMode: "numeric", value: it.position });
    const element = form("rewind-form", t("consumers.hook.rewind"), [h("p", { class: "hint", text: t("consumers.hook.rewind.about") }), field("after", t("consumers.hook.after"), after),
      h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: t("consumers.hook.rewind"), test: "rewind-send" }), button(t("queue.cancel"), () => letters.replaceChildren()))], async () => {
      await post(path(it, "/replay"), { after: after.value.trim() });
      letters.replaceChildren();
      status.textContent = t("consumers.hook.rewound");
      await read();
    });
    letters.replaceChildren(element);
    after.focus();
  }

  async function showLetters(it) {
    const found = (await get(path(it, "/dead-letters"))).dead_letters;
    const again = letter => act(async () => {
      await post(path(it, `/dead-letters/${encodeURIComponent(letter.id)}/replay`), {});
      status.textContent = t("consumers.hook.letter.again");
      await showLetters(it);
    });
    const rows = found.map(letter => h("li", { class: "item", test: "webhook-letter" },
      h("div", { class: "item-head" }, h("span", { class: "tag bad", text: t(`consumers.hook.letter.${letter.state}`) }), h("b", { text: t("consumers.hook.letter.span", { first: letter.first, last: letter.last }) })),
      h("p", { class: "reason", text: problemText(letter.problem) }), h("p", { class: "where", text: [whenZone(letter.made, zone), t("escalation.letters.tries", { count: letter.tries })].join(" · ") }),
      letter.state === "dead" && letter.message ? button(t("consumers.hook.letter.send"), again(letter), { test: "letter-again", "aria-label": `${t("consumers.hook.letter.send")}: ${letter.first}–${letter.last}` }) : null));
    letters.replaceChildren(h("h3", { text: t("consumers.hook.letters.of", { host: it.host }) }), h("ul", { class: "items" }, ...(rows.length ? rows : [h("li", { class: "none", text: t("consumers.hook.letters.none") })])));
  }

  function row(it) {
    const facts = [t(`consumers.hook.mode.${it.mode}`), counted("consumers.lag", it.lag), it.delivered ? t("consumers.hook.delivered", { time: whenZone(it.delivered, zone) }) : t("consumers.hook.delivered.never"), t("consumers.hook.cursor", { cursor: it.position }), t("consumers.hook.made", { name: it.made_by, time: whenZone(it.made, zone) })];
    const failing = it.problem ? [problemText(it.problem), it.failing && t("consumers.hook.failing", { time: whenZone(it.failing, zone) }), it.tries && it.next && t("consumers.hook.next", { time: whenZone(it.next, zone) })].filter(Boolean).join(" · ") : "";
    const one = (key, run, testId) => button(t(key), run, { test: testId, "data-item": `${it.id}.${testId}`, "aria-label": `${t(key)}: ${it.host}` });
    return h("li", { class: "item wide", test: "webhook" },
      h("div", { class: "item-head" }, h("span", { class: `tag ${TAGS[it.state]}`, text: t(`consumers.hook.state.${it.state}`) }), h("b", { text: it.host })),
      h("p", { class: "where", text: facts.join(" · ") }), failing ? h("p", { class: "wrong", text: failing }) : null,
      h("div", { class: "acts" }, it.state === "active" ? one("consumers.hook.test", test(it), "webhook-test") : one("consumers.hook.confirm", confirm(it), "webhook-confirm"),
        one("consumers.hook.rewind", () => rewind(it), "webhook-rewind"), one("consumers.hook.rotate", () => rotate(it), "webhook-rotate"),
        button(counted("consumers.hook.letters", it.dead_letters), act(() => showLetters(it)), { test: "webhook-letters", "data-item": `${it.id}.letters` }), one("consumers.hook.remove", () => remove(it), "webhook-remove")));
  }

  async function read() {
    const found = (await get(`/api/consumers/${encodeURIComponent(consumer.id)}/webhooks`)).webhooks;
    const focused = document.activeElement?.dataset?.item;
    items.replaceChildren(...found.map(row));
    if (!found.length) items.append(h("li", { class: "none", text: t("consumers.hook.none") }));
    if (focused) items.querySelector(`[data-item="${CSS.escape(focused)}"]`)?.focus();
  }

  const add = form("webhook-form", t("consumers.hook.new"), [
    h("div", { class: "grid" }, field("url", t("consumers.hook.url"), url, t("consumers.hook.url.hint")), field("mode", t("consumers.hook.mode"), mode)),
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: t("consumers.hook.add"), test: "webhook-add" }))], async () => {
    const made = await post(`/api/consumers/${encodeURIComponent(consumer.id)}/webhooks`, { url: url.value.trim(), mode: mode.value });
    url.value = "";
    showKeys(made);
    answered(made);
    await read();
  });
  const timer = setInterval(() => (element.isConnected ? document.hidden || document.querySelector("dialog[open]") || read().catch(fail) : clearInterval(timer)), EVERY_MS);
  const element = h("section", { class: "sheet", test: "webhook-panel", tabIndex: -1, "aria-labelledby": "webhooks-head" },
    h("div", { class: "head" }, h("h2", { id: "webhooks-head", text: t("consumers.hook.of", { name: consumer.name }) }), button(t("consumers.hook.close"), close)),
    problem, status, keys, items, letters, add);
  read().catch(fail);
  return element;
}
