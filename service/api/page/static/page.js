// The page for people. What it shows comes from `GET models` and `GET health/ready`; all addresses
// are relative, because JupyterLab serves the page under a prefix, too.

import { data, fill, find, make, moveTimes, time } from "./elements.js";
import { refusals } from "./facts.js";
import { ModelArticle } from "./model.js";
import { fetchJson } from "./requests.js";

const POLL_MS = 2000;
const WAIT_MS = 10_000; // after which the API counts as gone

const articles = new Map();
const status = find("#status");
let chosen = "";
let lastAnswer = null;

function say(state, words) {
  status.dataset.state = state;
  if (status.textContent !== words) status.textContent = words;
}

const SYNCED = {
  interval: "synced to disk each second",
  always: "synced to disk before the response",
  off: "synced to disk when the system does it",
};

function sayHealth({ status: code, content }, published, trouble) {
  if (code === 200 && trouble) say("failing", `${trouble} What was copied serves on.`);
  else if (code === 200) say("ready", `Ready. Every prediction is logged, ${SYNCED[content.log_sync]}.`);
  else say(published ? "failing" : "waiting", content?.error ?? `The API responds ${code}.`);
}

function show(models, first) {
  const names = models.map(({ name }) => name);
  for (const [name, article] of articles) {
    if (names.includes(name)) continue;
    article.element.remove();
    articles.delete(name);
  }
  find("#empty").hidden = models.length > 0;
  find("#models").hidden = models.length === 0;
  const asked = location.hash.slice(1);
  if (names.includes(asked)) chosen = asked;
  else if (!names.includes(chosen)) chosen = names.includes(first) ? first : (names[0] ?? "");
  const listed = models.map((model) => [
    [model.name, model.live?.version, model.live?.since],
    unusual(model),
  ]);
  const list = find("#models ul");
  const focused = list.contains(document.activeElement) ? document.activeElement.hash : "";
  fill(list, [listed, chosen], () => models.map(listItem));
  if (focused) find(`a[href="${focused}"]`, list)?.focus();
  for (const model of models) {
    const shown = model.name === chosen;
    if (shown && !articles.has(model.name)) {
      const article = new ModelArticle(model.name);
      articles.set(model.name, article);
      find("#content").append(article.element);
    }
    const article = articles.get(model.name);
    if (!article) continue; // made when it is first looked at
    article.element.hidden = !shown;
    if (shown) article.update(model);
  }
}

function listItem(model) {
  const { name, live } = model;
  const marked = unusual(model);
  return make(
    "li",
    {},
    make(
      "a",
      { href: `#${name}`, "aria-current": name === chosen ? "true" : null },
      make("span", { class: "name" }, data(name)),
      make(
        "span",
        { class: "hint" },
        live === null ? "nothing live" : `version ${live.version}`,
        live?.since ? make("span", { class: "when" }, ", ", time(live.since)) : null,
      ),
      marked ? make("span", { class: "hint unusual" }, marked) : null,
    ),
  );
}

/** Say in a few words why a model is to be looked at, or nothing. */
function unusual(model) {
  if (model.problem) return "needs attention";
  const refused = refusals(model).length;
  return refused ? `${refused} refused` : "";
}

let polling = false;
let timer = 0;

async function poll() {
  clearTimeout(timer);
  if (polling || document.hidden) return;
  polling = true;
  const requests = ["models", "health/ready"].map((path) => fetchJson(path, WAIT_MS));
  const contents = await Promise.all(requests).catch(() => null);
  polling = false;
  timer = setTimeout(poll, POLL_MS);
  if (contents === null) sayGone();
  else showContents(...contents);
  moveTimes();
}

function showContents(models, health) {
  if (models.content?.models) {
    const countedSince = models.content.counted_since;
    const told = models.content.models.map((model) => ({ ...model, countedSince }));
    lastAnswer = [told, health.content?.model];
    show(...lastAnswer);
    sayHealth(health, models.content.models.length > 0, models.content.store_problem);
  } else {
    sayHealth(models, true);
  }
}

function sayGone() {
  if (status.dataset.state === "gone") return;
  const since = new Date().toLocaleTimeString();
  const kept = lastAnswer ? " Below is what it said last." : "";
  say("gone", `The API is not reachable since ${since}. It is asked every few seconds.${kept}`);
}

/** Find JupyterLab: beside this page if that came through its proxy, else at its own port. */
function labAddress() {
  const proxied = location.pathname.match(/^(.*?\/)(?:proxy\/)?[^/]+\/$/);
  if (proxied) return `${proxied[1]}lab/tree/notebooks`;
  return `http://${location.hostname}:${document.body.dataset.labPort}/lab/tree/notebooks`;
}

find("#notebooks").href = labAddress();
find("#train").href = `${labAddress()}/02_train.ipynb`;
window.addEventListener("hashchange", () => {
  if (!lastAnswer) return;
  show(...lastAnswer);
  if (location.hash === `#${chosen}`) find("h2", articles.get(chosen).element).focus();
});
document.addEventListener("visibilitychange", poll);
poll();
