// A change that was not saved is kept in this tab, also when the session ends.

import { data } from "../../shell/texts.js";

const name = site => `paifang-escalation ${data.user} ${site}`;

export function read(site) {
  try {
    return JSON.parse(sessionStorage.getItem(name(site)) || "null");
  } catch {
    return null;
  }
}

export function keep(site, version, escalation, text) {
  try {
    sessionStorage.setItem(name(site), JSON.stringify({ version, escalation, text }));
  } catch {
    sessionStorage.removeItem(name(site));
  }
}

export const forget = site => sessionStorage.removeItem(name(site));
