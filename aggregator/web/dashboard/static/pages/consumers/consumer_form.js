// The form for a new consumer.

import { post } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { forget } from "../../shell/drafts.js";
import { t } from "../../shell/texts.js";
import * as catalog from "../catalog.js";
import { Choices } from "../choices.js";
import { button, field, form, input } from "../forms.js";
import { toLocal, toUtc, zoneText } from "../times.js";
import { contentName, mediaName, scopeName, zone } from "./rows.js";

const YEAR_MS = 365 * 86400000;
const options = (values, name) => () => values.map(it => [it, name(it)]);

export function consumerForm(scopes, close) {
  const name = input({ test: "consumer-name", maxLength: 80 }), contact = input({ test: "consumer-contact", maxLength: 200 });
  const purpose = input({ test: "consumer-purpose", maxLength: 500 }), basis = input({ test: "consumer-basis", maxLength: 200 });
  const ends = input({ type: "datetime-local", test: "consumer-ends", value: toLocal(Date.now() + YEAR_MS, zone) });
  const requests = input({ type: "number", min: 1, max: 6000, value: 60, test: "consumer-requests" });
  const events = input({ type: "number", min: 1, max: 1000000, value: 10000, test: "consumer-events" });
  const places = new Choices("places", t("consumers.places"), options(scopes, scopeName), { all: t("consumers.places.choose"), chosen: scopes.length === 1 ? scopes : [] });
  const contents = new Choices("contents", t("consumers.contents"), options(["events", "alerts"], contentName), { all: t("consumers.places.choose"), chosen: ["alerts"] });
  const kinds = new Choices("kinds", t("consumers.kinds"), catalog.kindOptions, { all: t("consumers.kinds.all") });
  const severities = new Choices("severities", t("consumers.severities"), catalog.severityOptions, { all: t("consumers.severities.all") });
  const media = new Choices("media", t("consumers.media"), options(["pictures", "clips", "live"], mediaName), { all: t("consumers.media.none") });

  async function send() {
    await post("/api/consumers", {
      name: name.value, contact: contact.value, purpose: purpose.value, basis: basis.value, places: places.values, contents: contents.values,
      kinds: kinds.values, severities: severities.values, media: media.values, requests_per_minute: Number(requests.value), events_per_hour: Number(events.value),
      ends: ends.value ? toUtc(ends.value, zone) : "",
    });
    for (const it of [name, contact, purpose, basis]) forget(it);
    close(t("consumers.made", { name: name.value }));
  }

  return form("consumer-form", t("consumers.new"), [
    h("p", { class: "hint", text: t("consumers.form.about") }),
    h("div", { class: "grid" }, field("name", t("consumers.name"), name, t("consumers.name.hint")), field("contact", t("consumers.contact"), contact, t("consumers.contact.hint")),
      field("purpose", t("consumers.purpose"), purpose, t("consumers.purpose.hint")), field("basis", t("consumers.basis"), basis, t("consumers.basis.hint")),
      places.element, contents.element, kinds.element, severities.element, media.element,
      field("ends", t("consumers.end"), ends, t("consumers.end.hint", { zone: zoneText(zone) })),
      field("requests_per_minute", t("consumers.requests.field"), requests), field("events_per_hour", t("consumers.events.field"), events)),
    h("p", { class: "hint", text: t("consumers.media.hint") }),
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: t("consumers.send"), test: "consumer-send" }), button(t("queue.cancel"), () => close()))], send);
}
