// Errors of the API as sentences in the reader's language, each with the field that it is about.

import { has, t } from "../shell/texts.js";

// What the API says → the text of the dashboard; named groups fill its fields.
const SENTENCES = [
  [/^is missing|Field required|at least 1 character/, "missing"],
  [/must lie in the future, at most (?<days>\d+) days/, "ends"],
  [/a consumer of that name/, "consumer_name"],
  [/begin with one of rtmp|no spaces, control|RTMP (has|needs)|user and password must/, "output_address"],
  [/use rtmps:/, "output_tls"],
  [/has at most \d+ video outputs/, "outputs_full"],
  [/refused user and password/, "output_login"],
  [/no connection/, "output_unreachable"],
  [/closed the connection|receiver ended/, "output_closed"],
  [/takes too long/, "output_slow"],
  [/the receiver (refused|answered|makes no|does not speak|sends)/, "output_refused"],
  [/sends no picture|the box (broke off|refused|did not)|no subscribers/, "output_camera"],
  [/must be an https:\/\/ address|no user, password or fragment/, "hook_url"],
  [/does not consent|has not consented|answered the handshake/, "consent"],
  [/oldest cursor is (?<oldest>\d+)/, "cursor_old"],
  [/no such cursor/, "cursor"],
  [/erased before they could be (sent|published)/, "lost"],
  [/filled its store/, "mqtt_full"],
  [/^connection lost|refused the log-in|has not acknowledged|no answer to the log-in|Connection refused/, "mqtt_broker"],
  [/^MQTT is on for/, "mqtt_on"],
  [/events of this hour are used up/, "quota"],
  [/has at most \d+ webhooks/, "hooks_full"],
  [/who requests a consumer does not/, "second"],
  [/the consumer is \w+; it cannot|only an approved consumer|consumer's end has passed/, "consumer_state"],
  [/there is no (site|area) '/, "scope_none"],
  [/less than or equal to (?<most>\d+)/, "at_most"],
  [/greater than or equal to (?<least>\d+)/, "at_least"],
  [/covers everything of a site/, "everything"],
  [/is not known here; did you mean '(?<near>[^']*)'/, "near"],
  [/is not known here/, "unknown"],
  [/1 to 64 of letters/, "name"],
  [/has passed, or is not later/, "passed"],
  [/at most (?<days>\d+) days ahead/, "ahead"],
  [/at most (?<days>[\d.]+) days after it begins/, "long"],
  [/3 to 200 characters|at least 3 characters|at most 200 characters/, "reason"],
  [/write (?<least>\d+) to (?<most>\d+) characters/, "length"],
  [/line feeds or control characters|no control characters/, "control"],
  [/name at least one device, or an area/, "devices"],
  [/not an area of this site|the site has no area/, "area"],
  [/name weekdays|at least 1 item/, "empty"],
  [/a time such as 22:00/, "clock"],
  [/must be a time such as/, "time"],
  [/supervisor (shelves|only)|by a supervisor/, "supervisor"],
  [/has \d+ .* already; (end|unshelve)/, "full"],
  [/ended already|not shelved any more/, "ended"],
  [/not among your roles|beyond what you administer/, "scope"],
  [/there is no user ''/, "missing"],
  [/there is no user '(?<name>[^']*)'/, "no_user"],
  [/'(?<name>[^']*)' may not see the alerts/, "no_role"],
  [/there is no (chain|calendar|rota) '(?<name>[^']*)'/, "no_part"],
  [/'(?<name>[^']*)' has the chain/, "area_twice"],
  [/a loop: (?<path>[^;]*)/, "loop"],
  [/nobody is on call for '(?<severity>\w+)'/, "nobody_at"],
  [/nobody is on call|nobody is notified|there is none; name at least one/, "nobody"],
  [/no level has minutes for 'critical'/, "critical"],
  [/more than \d+ steps/, "steps"],
  [/must be user:NAME/, "recipient"],
  [/a local time|must be a date|must be a span/, "local"],
  [/it must be after start/, "after"],
  [/somebody else has (changed|replayed)/, "meanwhile"],
  [/greater than|less than|>= 0\.05|<= 1440|1 to 1440|valid number|Expected `float`/, "minutes"],
  [/not an IANA time zone/, "zone"],
  [/must be an Apprise address|does not take (it|the address)/, "address"],
  [/the parameter '(?<name>[^']*)' is not allowed/, "parameter"],
  [/the host is unknown, or in a private network/, "gb_address"],
  [/gets no live video now/, "gb_consumer"],
  [/no log-in by Digest/, "gb_digest"],
  [/refused the device's id or password/, "gb_password"],
  [/refused the registration with status (?<status>\d+)/, "gb_refused"],
  [/platform does not answer|keep-alives were not answered|did not renew|the platform closed|Connect call failed|no connection in time/, "gb_silent"],
  [/in a private network/, "private"],
  [/you have this target already/, "target_full"],
  [/there is no such|no such/, "gone"],
  [/not given up/, "meanwhile"],
  [/not a field|unknown key|did you mean/, "key"],
  [/could not be checked|no answer/, "no_answer"],
  [/answered with HTTP (?<status>\d+)/, "http"],
];

function sentence(text) {
  for (const [pattern, key] of SENTENCES) {
    const found = text.match(pattern);
    if (!found) continue;
    const fields = { ...found.groups };
    if (fields.severity && has(`severity.${fields.severity}`)) fields.severity = t(`severity.${fields.severity}`);
    return t(`form.error.${key}`, fields);
  }
  return t("form.error.other", { text });
}

export const problemText = text => (text ? sentence(text) : "");

const FIELD = /^([A-Za-z_][\w.\-[\]]*): ([\s\S]*)$/;

// "a: wrong; b[0].c: wrong; do this" → [{path: "a", text}, {path: "b.0.c", text}]; without a field the path is empty.
export function problemsOf(error) {
  const said = error?.body?.error;
  if (typeof said !== "string" || !said || ![400, 403, 409, 410, 422].includes(error.status))
    return [{ path: "", text: error?.message || String(error) }];
  const parts = [];
  for (const piece of said.split("; ")) {
    const found = piece.match(FIELD);
    if (found || !parts.length) parts.push({ path: found ? found[1] : "", said: found ? found[2] : piece });
    else parts.at(-1).said += `; ${piece}`;
  }
  for (const it of parts) {
    const inner = it.path && it.said.match(/^([a-z_]+): ([\s\S]*)$/); // "rotas.night.overrides[0]: end: it must …"
    if (inner) Object.assign(it, { path: `${it.path}.${inner[1]}`, said: inner[2] });
  }
  return parts.map(it => ({ path: it.path.replace(/\[(\d+)\]/g, ".$1").replace(/^escalation\./, ""), said: it.said, text: sentence(it.said) }));
}
