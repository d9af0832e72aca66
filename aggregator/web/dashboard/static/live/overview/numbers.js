// Numbers as text, in the reader's language.

import { data, t } from "../../shell/texts.js";

const number = (value, digits) => value.toLocaleString(data.language, { maximumFractionDigits: digits });

// A duration: 42 s, 3.5 min, 2.1 h.
export function duration(seconds) {
  if (seconds < 60) return t("overview.seconds", { count: number(seconds, seconds < 10 ? 1 : 0) });
  if (seconds < 3600) return t("overview.minutes", { count: number(seconds / 60, 1) });
  return t("overview.hour", { count: number(seconds / 3600, 1) });
}

// What is left of 100 % is never rounded away.
export const share = value => `${number(Math.floor(value * 1000) / 10, 1)} %`;

// ▲ 3, ▼ 2 or = 0.
export function difference(now, before) {
  if (now === before) return "= 0";
  return now > before ? `▲ ${now - before}` : `▼ ${before - now}`;
}
