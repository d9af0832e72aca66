// One's own targets: where messages go, whether the last one failed, and a test message.

import { get, post, request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { has, t } from "../../shell/texts.js";
import { millis, whenZone } from "../../queue/words.js";
import { problemText } from "../errors.js";
import { button, confirmed, failing, select } from "../forms.js";

const ASK_MS = 2000, TRIES = 10;
export const LANGUAGES = ["zh-CN", "en"];

export const channelName = it => (has(`notify.channel.${it}`) ? t(`notify.channel.${it}`) : it);
const languageName = it => (has(`notify.language.${it}`) ? t(`notify.language.${it}`) : it);

// A list with actions; `whole`: with removing. `listen(answer)` hears what the API says.
export function ownTargets(whole, listen = () => {}) {
  const items = h("ul", { class: "items", test: "targets" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true }), status = h("p", { class: "done", role: "status", test: "target-status" });
  const element = h("div", {}, problem, status, items);

  const fail = failing(problem);

  // The queue sends within seconds; only a failure is reported.
  async function outcome(target, since) {
    for (let number = 0; number < TRIES; number += 1) {
      await new Promise(done => setTimeout(done, ASK_MS));
      const found = (await read())?.find(it => it.id === target.id);
      if (!found) return;
      if (found.failed && millis(found.failed) >= since) {
        status.textContent = "";
        fail(new Error(t("notify.test.failed", { label: target.label, problem: problemText(found.problem) })));
        return;
      }
    }
    status.textContent = t("notify.test.done", { label: target.label });
  }

  async function test(target, send) {
    problem.hidden = true;
    send.disabled = true;
    try {
      const since = millis(target.failed || target.made) + 1;
      await post(`/api/me/notifications/${encodeURIComponent(target.id)}/test`, {});
      status.textContent = t("notify.test.queued", { label: target.label });
      outcome(target, since);
    } catch (error) {
      fail(error);
    }
    send.disabled = false;
  }

  const remove = target => confirmed(t("notify.remove"), t("notify.remove.about", { label: target.label }), t("notify.remove"), async () => {
    await request("DELETE", `/api/me/notifications/${encodeURIComponent(target.id)}`);
    status.textContent = t("notify.removed", { label: target.label });
    await read();
  });

  // Another language for the messages; what the API refuses puts the choice back.
  function languageOf(it) {
    const choice = select(LANGUAGES.map(code => [code, languageName(code)]), { value: it.language, test: "target-row-language", "aria-label": `${t("notify.language")}: ${it.label}` });
    choice.addEventListener("change", async () => {
      problem.hidden = true;
      try {
        await request("PUT", `/api/me/notifications/${encodeURIComponent(it.id)}/language`, { language: choice.value });
        status.textContent = t("notify.language.changed", { label: it.label, language: languageName(choice.value) });
        await read();
      } catch (error) {
        choice.value = it.language;
        fail(error);
      }
    });
    return choice;
  }

  function row(it) {
    const send = button(t("notify.test"), () => test(it, send), { test: "test-target", "aria-label": `${t("notify.test")}: ${it.label}` });
    const failed = it.failed ? t("notify.failed", { time: whenZone(it.failed, ""), problem: problemText(it.problem) }) : "";
    return h("li", { class: "item", test: "target", "data-id": it.id },
      h("div", { class: "item-head" }, failed ? h("span", { class: "tag bad", text: t("notify.state.failed") }) : h("span", { class: "tag active", text: t("notify.state.good") }), h("b", { text: it.label })),
      h("p", { class: "where", text: [channelName(it.channel), languageName(it.language), t("notify.made", { time: whenZone(it.made, "") })].join(" · ") }),
      failed ? h("p", { class: "wrong", text: failed }) : null,
      h("div", { class: "acts" }, send, whole ? languageOf(it) : null, whole ? button(t("notify.remove"), () => remove(it), { test: "remove-target", "aria-label": `${t("notify.remove")}: ${it.label}` }) : null));
  }

  async function read() {
    try {
      const answer = await get("/api/me/notifications");
      const focused = document.activeElement?.closest?.("[data-id]")?.dataset.id, kind = document.activeElement?.dataset?.testid;
      items.replaceChildren(...answer.targets.map(row));
      if (!answer.targets.length) items.append(h("li", { class: "none", text: t("notify.none") }));
      if (focused) items.querySelector(`[data-id="${CSS.escape(focused)}"] [data-testid=${kind}]`)?.focus();
      listen(answer);
      return answer.targets;
    } catch (error) {
      fail(error);
      return null;
    }
  }

  read();
  return { element, read, status };
}
