// Shelve all alerts of a device, or those of one kind, for a while.

import { may, post } from "../../shell/api.js";
import { h } from "../../shell/dom.js";
import { forget } from "../../shell/drafts.js";
import { t } from "../../shell/texts.js";
import { SHELVES_MIN } from "../../queue/words.js";
import * as catalog from "../catalog.js";
import { button, check, field, form, input, select } from "../forms.js";

export function shelfForm(close) {
  const site = select(catalog.siteOptions(), { test: "shelf-site", onchange: () => moved() });
  const place = select([], { test: "shelf-place" });
  const kind = select([["", t("silences.kind.all")], ...catalog.kindOptions()], { test: "shelf-kind" });
  const minutes = select(SHELVES_MIN.map(it => [String(it), t(`queue.shelve.${it}`)]), { value: "60", test: "shelf-minutes" });
  const mode = select(["timed", "one_shot"].map(it => [it, t(`silences.mode.${it}`)]), { test: "shelf-mode" });
  const critical = may.silence ? check(t("silences.critical"), { test: "shelf-critical" }) : null;
  const reason = input({ test: "shelf-reason", maxLength: 200 });

  function moved() {
    place.replaceChildren(...catalog.placeOptions([site.value]).map(([value, text]) => h("option", { value, text })));
  }
  moved();

  async function save() {
    await post("/api/sources/shelve", { site: site.value, place: place.value, kind: kind.value || null, mode: mode.value,
      minutes: Number(minutes.value), critical: Boolean(critical?.querySelector("input").checked), reason: reason.value.trim() });
    forget(reason);
    close(t("silences.shelf.made"));
  }

  return form("shelf-form", t("silences.shelf.new"), [
    h("div", { class: "grid" }, field("site", t("silences.match.site"), site), field("place", t("silences.place"), place), field("kind", t("silences.match.kind"), kind),
      field("minutes", t("silences.for"), minutes), field("mode", t("silences.mode"), mode)),
    critical, field("reason", t("silences.reason"), reason, t("silences.reason.hint")),
    h("div", { class: "acts" }, h("button", { type: "submit", class: "main", text: t("silences.shelf.save"), test: "shelf-send" }),
      button(t("queue.cancel"), () => close()))], save);
}
