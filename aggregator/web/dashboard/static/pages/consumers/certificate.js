// The client certificate that a consumer's requests must carry: its SHA-256 is set, replaced or removed.

import { request } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { forget } from "../../shell/drafts.js";
import { t } from "../../shell/texts.js";
import { button, confirmed, field, form, input } from "../forms.js";

export function certificateForm(consumer, close) {
  const path = `/api/consumers/${encodeURIComponent(consumer.id)}/certificate`;
  const fingerprint = input({ test: "certificate-fingerprint", maxLength: 120, spellcheck: false });
  const present = consumer.certificate
    ? h("dl", { class: "addresses" }, h("dt", { text: "SHA-256" }), h("dd", {}, h("code", { text: consumer.certificate, test: "certificate-present" })))
    : h("p", { class: "none", text: t("consumers.certificate.none") });

  async function send() {
    await request("PUT", path, { fingerprint: fingerprint.value });
    forget(fingerprint);
    await close(t("consumers.certificate.done", { name: consumer.name }));
  }
  const remove = () => confirmed(t("consumers.certificate.remove"), t("consumers.certificate.remove.about", { name: consumer.name }), t("consumers.certificate.remove"), async () => {
    await request("DELETE", path);
    await close(t("consumers.certificate.removed", { name: consumer.name }));
  });

  return form("certificate-form", t("consumers.certificate.of", { name: consumer.name }), [
    h("p", { class: "hint", text: t("consumers.certificate.about") }), present,
    field("fingerprint", t("consumers.certificate.fingerprint"), fingerprint, t("consumers.certificate.hint")),
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: t("consumers.certificate.send"), test: "certificate-send" }),
      consumer.certificate ? button(t("consumers.certificate.remove"), remove, { test: "certificate-remove" }) : null, button(t("queue.cancel"), () => close()))], send);
}
