// What an operator does with alerts: at once on the screen, then at the server. What fails is said in words, with who
// changed the alert meanwhile; nothing that was typed is lost.

import { post } from "../shell/api.js";
import { data, counted, t } from "../shell/texts.js";
import { toast } from "../shell/toast.js";
import { fresh, open } from "./model.js";
import { openSteps } from "./procedure.js";
import { kindName, placeName, stateText } from "./words.js";

const MOST = 500;
const STAYS = ["note", "reopen", "unshelve"]; // the alert stays where it is in the list

// What a row shows until the server has answered.
const GUESSES = {
  acknowledge: () => ({ acknowledgement: "acknowledged", acknowledged_by: data.user, since_acknowledged: 0 }),
  assign: () => ({ acknowledgement: "assigned", assignee: data.user }),
  close: body => ({ status: "closed", outcome: body.outcome }),
  reopen: () => ({ status: "open", outcome: null }),
  shelve: () => ({ suppression: { kind: "shelved", by: data.user, until: null } }),
  unshelve: () => ({ suppression: null }),
};

// Why the server refused a decision (`field: text`), in the reader's language; "" where it is no such refusal.
function refusal(said) {
  const field = /^(escalation|hidden|note|reason|severity|to):/.exec(said || "")?.[1];
  return field ? t(`queue.refused.${field}`) : "";
}

export class Actions {
  #running = new Map();

  constructor(model) {
    this.model = model;
  }

  targets() {
    const { checked, index, rows, current } = this.model;
    if (checked.size) return [...checked].map(id => rows[index.get(id)]).filter(Boolean);
    return current ? [current] : [];
  }

  allowed(action, alert) {
    if (action === "acknowledge") return open(alert) && fresh(alert);
    if (action === "reopen") return !open(alert);
    if (action === "unshelve") return open(alert) && alert.suppression?.kind === "shelved";
    if (action === "shelve" || action === "escalate") return open(alert) && !alert.suppression;
    return action === "note" || open(alert);
  }

  // One action on some alerts (the chosen ones); resolves to true where all of it was done, else to the error. An error
  // has `steps` and `alerts` where required steps of procedures are open.
  async run(action, body = {}, wanted = this.targets()) {
    const alerts = wanted.map(it => this.#now(it)).filter(it => this.allowed(action, it));
    if (!alerts.length) {
      toast(t("queue.nothing"), "info");
      return true;
    }
    const many = wanted.length > 1 || this.model.checked.has(wanted[0].id), place = this.model.selected;
    const here = this.model.current?.id === alerts[0].id;
    const guess = GUESSES[action];
    if (guess) this.model.apply(alerts.map(it => ({ ...it, ...guess(body) })));
    if (many) this.model.uncheck();
    else if (here && !STAYS.includes(action)) this.model.advance(place);
    return many ? this.#bulk(action, body, alerts) : this.#one(action, body, alerts[0]);
  }

  // Ask for help with one alert, also where it is one of those that are chosen.
  async escalate(alert, note) {
    const now = this.#now(alert);
    return this.allowed("escalate", now) ? this.#one("escalate", { note }, now) : { message: t("queue.nothing") };
  }

  // Actions on one alert follow each other: the second one knows the version that the first one made.
  async #one(action, body, alert) {
    const before = this.#running.get(alert.id);
    const sent = this.#send(action, body, alert, before);
    this.#running.set(alert.id, sent);
    const done = await sent;
    if (this.#running.get(alert.id) === sent) this.#running.delete(alert.id);
    return done;
  }

  async #send(action, body, alert, before) {
    await before;
    try {
      const version = before ? this.#version(alert.id) : alert.version;
      const newer = await post(`/api/alerts/${alert.id}/${action}`, { ...body, version });
      if (newer?.id) this.model.apply([newer]);
      return true;
    } catch (error) {
      const steps = error.status === 422 && openSteps(error.body?.error);
      if (error.status === 422) error.message = refusal(error.body?.error) || error.message;
      if (!steps) return this.#undo([alert], error);
      this.#restore([alert]);
      return { steps: true, alerts: [alert], message: t("queue.steps.open", { steps }) };
    }
  }

  async #bulk(action, body, alerts) {
    const failed = [], unticked = [], reasons = new Set();
    let problem = null;
    for (let from = 0; from < alerts.length; from += MOST) {
      const part = alerts.slice(from, from + MOST);
      try {
        const answer = await post("/api/alerts/bulk", { ids: part.map(it => it.id), action, ...body });
        const wrong = new Map(answer.results.filter(it => it.result !== "done").map(it => [it.id, openSteps(it.error)]));
        failed.push(...part.filter(it => wrong.get(it.id) === ""));
        answer.results.filter(it => wrong.get(it.id) === "").forEach(it => reasons.add(refusal(it.error) || t("shell.error.changed")));
        unticked.push(...part.filter(it => wrong.get(it.id)));
        this.model.apply(answer.results.map(it => it.alert).filter(Boolean));
      } catch (error) {
        failed.push(...part);
        problem = error;
        reasons.add(refusal(error.body?.error) || error.message);
      }
    }
    const done = alerts.length - failed.length - unticked.length;
    if (done) toast(counted("queue.bulk.done", done));
    const left = [...failed, ...unticked];
    if (!left.length) return true;
    this.model.apply(left.map(it => ({ ...it })));
    left.forEach(it => this.model.checked.has(it.id) || this.model.toggle(it.id));
    if (failed.length) toast(`${counted("queue.bulk.failed", failed.length)} ${[...reasons].join(" ")}`, "bad");
    if (!unticked.length) return problem || false;
    const message = counted("queue.steps.many", unticked.length);
    return { steps: true, alerts: unticked, message };
  }

  // Show the alert as it is: what the server sent along, else as it was.
  #undo(alerts, error) {
    const newer = error.status === 409 && error.body?.alert;
    const [alert] = alerts;
    if (newer) this.model.apply([newer]);
    else this.#restore(alerts);
    const name = `${kindName(alert)} · ${placeName(alert)}`;
    const text = newer ? t("queue.changed", { state: stateText(newer) }) : error.message;
    const again = { text: t("queue.show"), run: () => this.model.select(this.model.index.get(alert.id)) };
    toast(`${name}: ${text}`, "bad", again);
    return error;
  }

  #restore(alerts) {
    this.model.apply(alerts.map(it => ({ ...it, version: Math.max(it.version, this.#version(it.id)) })));
  }

  #now(alert) {
    return this.model.rows[this.model.index.get(alert.id)] || alert;
  }

  #version(id) {
    return this.model.rows[this.model.index.get(id)]?.version || 0;
  }
}
