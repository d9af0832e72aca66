// Messages that could not be delivered, with the reason, and sending them again.

import { get, post } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { t } from "../../shell/texts.js";
import { whenZone } from "../../queue/words.js";
import * as catalog from "../catalog.js";
import { problemText } from "../errors.js";
import { button, failing } from "../forms.js";
import { channelName } from "../notifications/targets.js";

export function deadLetters(section) {
  const items = h("ul", { class: "items", test: "dead-letters" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true }), status = h("p", { class: "done", role: "status" });
  const more = h("div", {});
  section.append(h("div", { class: "head" }, h("h2", { text: t("escalation.letters") }), button(t("escalation.letters.read"), () => read())),
    h("p", { class: "hint", text: t("escalation.letters.about") }), problem, status, items, more);

  const fail = failing(problem);

  async function again(it, element) {
    const send = element.querySelector("button");
    send.disabled = true;
    try {
      await post(`/api/notifications/${encodeURIComponent(it.id)}/replay`, {});
      status.textContent = t("escalation.letters.sent", { name: it.recipient });
      problem.hidden = true;
      element.remove();
      if (!items.children.length) empty();
    } catch (error) {
      fail(error);
      send.disabled = false;
    }
  }

  function row(it) {
    const element = h("li", { class: "item", test: "dead-letter" },
      h("div", { class: "item-head" }, h("span", { class: "tag bad", text: t(`escalation.letters.${it.state}`) }), h("b", { text: t("escalation.letters.to", { name: it.recipient, channel: channelName(it.channel) }) })),
      h("p", { text: problemText(it.problem) || t("escalation.letters.unknown"), class: "reason" }),
      h("p", { class: "where" }, [catalog.siteName(it.site), it.level && t("escalation.letters.level", { level: it.level }), t("escalation.letters.tries", { count: it.tries }), whenZone(it.ended, catalog.zoneOf(it.site))].filter(Boolean).join(" · "),
        ...(it.alert ? [" · ", h("a", { href: `/?alert=${encodeURIComponent(it.alert)}`, text: t("escalation.letters.alert") })] : [])),
      button(t("escalation.letters.again"), () => again(it, element), { test: "send-again", "aria-label": `${t("escalation.letters.again")}: ${it.recipient}` }));
    return element;
  }

  const empty = () => items.replaceChildren(h("li", { class: "none", text: t("escalation.letters.none") }));

  async function read(before = null) {
    try {
      const found = await get(`/api/notifications${before ? `?before=${encodeURIComponent(before)}` : ""}`);
      const rows = found.notifications.map(row);
      before ? items.append(...rows) : rows.length ? items.replaceChildren(...rows) : empty();
      more.replaceChildren(...(found.before ? [button(t("escalation.letters.older"), () => read(found.before))] : []));
      problem.hidden = true;
    } catch (error) {
      fail(error);
    }
  }

  read();
}
