// One's own notifications: where messages go, and this browser.

import { post } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { data, t } from "../../shell/texts.js";
import { field, form, input, select } from "../forms.js";
import { LANGUAGES, ownTargets } from "./targets.js";
import { browserSection } from "./web_push.js";

const main = document.querySelector("main");
const EXAMPLES = [
  ["WeCom", "wecombot://KEY"], ["DingTalk", "dingtalk://TOKEN"], ["Feishu", "feishu://TOKEN"],
  ["mail", "mailtos://user:password@smtp.example?from=gate@example&to=li@example"], ["ntfy", "ntfys://host/topic"], ["webhook", "jsons://host/path"],
];
const languages = () => select(LANGUAGES.map(it => [it, t(`notify.language.${it}`)]), { value: data.language });

const browser = browserSection(() => targets.read(), languages);
const targets = ownTargets(true, answer => browser.show(answer));

function addForm() {
  // without a name: what it holds is a secret, and is not kept as a draft
  const url = h("input", { type: "password", autocomplete: "off", spellcheck: false, maxLength: 1000, id: "target-url" });
  const shown = h("input", { type: "checkbox", onchange: event => { url.type = event.target.checked ? "text" : "password"; } });
  const label = input({ test: "target-label", maxLength: 60 }), language = languages();
  language.dataset.testid = "target-language";
  const element = form("target-form", t("notify.add"), [
    h("div", { class: "grid" }, field("url", t("notify.url"), url, t("notify.url.hint")), field("label", t("notify.label"), label, t("notify.label.hint")), field("language", t("notify.language"), language)),
    h("label", { class: "check" }, shown, h("span", { text: t("notify.url.show") })),
    h("details", {}, h("summary", { text: t("notify.examples") }), h("dl", { class: "addresses" }, ...EXAMPLES.flatMap(([name, text]) => [h("dt", { text: t(`notify.example.${name}`) }), h("dd", {}, h("code", { text }))]))),
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: t("notify.add.send"), test: "target-send" }))], async () => {
    const made = await post("/api/me/notifications", { url: url.value.trim(), label: label.value.trim(), language: language.value });
    url.value = label.value = "";
    await targets.read();
    targets.status.textContent = t("notify.added", { label: made.label });
  });
  return element;
}

main.append(h("p", { class: "hint", text: t("notify.about") }),
  h("section", { "aria-labelledby": "targets-head" }, h("h2", { id: "targets-head", text: t("notify.targets") }), targets.element),
  browser.element, addForm());
