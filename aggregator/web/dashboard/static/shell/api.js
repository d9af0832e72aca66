// Requests to the HTTP API. An error becomes a sentence in the reader's language; a session that ended leads to the
// log-in and back.

import { data, t } from "./texts.js";

const TIMEOUT_MS = 15000;

class ApiError extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export function sessionEnded() {
  const here = location.pathname + location.search;
  const next = here === "/" ? "" : `next=${encodeURIComponent(here)}&`;
  location.assign(`/login?${next}ended=1`);
}

function sentence(status) {
  if (status === 403) return t("shell.error.forbidden");
  if (status === 404) return t("shell.error.gone");
  if (status === 409) return t("shell.error.changed");
  if (status === 413 || status === 422 || status === 400) return t("shell.error.invalid");
  if (status === 429) return t("shell.error.often");
  return t("shell.error.store");
}

export async function request(method, path, body, signal) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    dispatchEvent(new CustomEvent("paifang:unreachable"));
    throw new ApiError(0, t("shell.error.network"), null);
  }
  const content = await answer.json().catch(() => null);
  if (answer.status === 401) {
    sessionEnded();
    throw new ApiError(401, t("shell.error.session"), content);
  }
  if (!answer.ok) throw new ApiError(answer.status, sentence(answer.status), content);
  return content;
}

export const get = (path, signal) => request("GET", path, undefined, signal);
export const post = (path, body) => request("POST", path, body);
export const may = data.may;
