// What is known of a model: live since when, its metrics, signature and versions, what was refused.

import { className } from "./prediction.js";
import { data, fill, find, make, time } from "./elements.js";
import { range, some } from "./field.js";
import { counted, plural, short } from "./numbers.js";

const MANY = 12; // classes, targets or categories; more are counted
const GIVES = {
  classification: "Gives classes",
  regression: "Gives numbers",
  clustering: "Gives clusters",
  outlier: "Tells outliers from inliers",
};

/** Show all of it in a model's article. */
export function showFacts(element, model) {
  sayLive(element, model);
  sayReplicas(element, model);
  sayFigures(element, model);
  sayNotices(element, model);
  sayRefusals(element, model);
  sayVersions(element, model);
  find(".signature", element).hidden = find(".small", element).hidden = model.live === null;
  if (model.live === null) return;
  saySignature(element, model.live);
  sayPath(element, model.live);
}

/** List what was refused, by this worker or another, the newest last. */
export function refusals({ refused, workers }) {
  const all = new Map(refused.map((each) => [each.version, each]));
  for (const worker of workers) {
    for (const [text, reason] of Object.entries(worker.refused)) {
      const version = text === "None" ? null : Number(text);
      if (!all.has(version)) all.set(version, { version, reason, time: null });
    }
  }
  const place = ({ version }) => version ?? Infinity; // the alias file comes last
  return [...all.values()].sort((one, other) => place(one) - place(other));
}

function sayLive(element, { live }) {
  fill(find(".live", element), [live?.version, live?.since, live?.estimator], () =>
    live === null
      ? ["Nothing is live."]
      : [
          ...(live.since === null
            ? [`Version ${live.version} is live `]
            : [`Version ${live.version} went live `, time(live.since)]),
          make("span", { class: "estimator" }, data(live.estimator)),
        ],
  );
}

/** Say how many replicas serve it, where there are several, and which are not well. */
function sayReplicas(element, { live, workers }) {
  const replicas = new Map();
  for (const worker of workers) {
    const serves = worker.state === "serving" && live !== null && worker.version === live.version;
    const { state, all } = replicas.get(worker.replica) ?? { state: worker.state, all: true };
    const worst = state === "serving" ? worker.state : state;
    replicas.set(worker.replica, { state: worst, all: all && serves });
  }
  const there = [...replicas.values()].filter(({ state }) => state !== "gone");
  const serving = there.filter(({ all }) => all).length;
  const counted = serving === there.length ? serving : `${serving} of ${there.length}`;
  const said = [live === null ? "" : `Served by ${counted} replicas.`];
  for (const [name, { state }] of replicas) {
    if (state !== "serving") said.push(`${name} is ${state}.`);
  }
  const part = find(".replicas", element);
  part.hidden = replicas.size < 2;
  fill(part, said, () => [data(said.filter(Boolean).join(" "))]);
}

function sayFigures(element, { live, traffic: counts, countedSince, workers }) {
  // Each replica counts for itself, and the next answer may be another one's.
  const several = new Set(workers.map(({ replica }) => replica)).size > 1;
  const traffic = several ? null : counts;
  const figures = Object.entries(live?.metrics ?? {}).map(([name, value]) => [name, value, ""]);
  if (!several && (live || traffic)) figures.push(["predictions", counted(traffic?.predictions ?? 0), ""]);
  if (traffic) {
    if (traffic.mean_ms !== null) figures.push(["mean time", traffic.mean_ms, " ms"]);
    if (traffic.p95_ms !== null) figures.push(["95% within", traffic.p95_ms, " ms"]);
  }
  const since = find(".counted", element);
  since.hidden = countedSince === null || several || figures.length === 0;
  fill(since, countedSince, () => [
    "Predictions are counted since the API started ",
    time(countedSince),
    ".",
  ]);
  find(".figures", element).hidden = figures.length === 0;
  fill(find(".figures", element), figures, () =>
    figures.map(([name, value, unit]) =>
      make(
        "div",
        {},
        make("dt", {}, data(name)),
        make("dd", { title: `${value}${unit}` }, short(value, 3), unit),
      ),
    ),
  );
}

/** Say what needs attention: a problem, a newer version that was refused, workers that differ. */
function sayNotices(element, model) {
  const { live, versions, workers } = model;
  const notices = [];
  const still = live === null ? "" : ` Version ${live.version} serves on.`;
  const isNewer = ({ version }) => version === null || version > (live?.version ?? 0);
  // The problem comes with its remedy; that a version was refused may be no more than its effect.
  if (model.problem) notices.push([`Needs attention.${still}`, model.problem]);
  else {
    for (const { version, reason } of refusals(model).filter(isNewer).slice(-1)) {
      const what = version === null ? "The alias file" : `Version ${version}`;
      notices.push([`${what} is refused.${still}`, reason]);
    }
  }
  if (live === null && versions.length && !notices.length) {
    const call = `lab.promote("${model.name}", ${versions.at(-1)})`;
    notices.push(["To make a version live, run in a notebook:", call]);
  }
  const answering = workers.filter(({ state }) => state === "serving");
  const serving = new Set(answering.map((worker) => worker.version));
  if (serving.size > 1) {
    const each = answering.map(({ pid, version }) =>
      version === null ? `worker ${pid} nothing` : `worker ${pid} version ${version}`,
    );
    notices.push(["The workers do not all serve the same.", `Now: ${each.sort().join(", ")}.`]);
  }
  fill(find(".notices", element), notices, () =>
    notices.map(([title, text]) =>
      make("p", { class: "notice" }, make("strong", {}, title), " ", data(text)),
    ),
  );
}

function sayRefusals(element, model) {
  const refused = refusals(model).reverse();
  const details = find(".refusals", element);
  details.hidden = refused.length === 0;
  find("summary", details).textContent = plural(refused.length, "refused version");
  fill(find("ul", details), refused, () =>
    refused.map(({ version, reason, time: when }) =>
      make(
        "li",
        {},
        make("strong", {}, version === null ? "Alias file" : `Version ${version}`),
        when ? " " : null,
        when ? time(when) : null,
        make("p", {}, data(reason)),
      ),
    ),
  );
}

function sayVersions(element, model) {
  const { live, versions } = model;
  const refused = new Set(refusals(model).map(({ version }) => version));
  find(".versions summary", element).textContent = plural(versions.length, "version");
  fill(find(".versions ul", element), [versions, live?.version, [...refused]], () =>
    versions.toReversed().map((version) => {
      const state = version === live?.version ? "live" : refused.has(version) ? "refused" : "";
      return make(
        "li",
        { class: state || null },
        make("a", { href: `models/${model.name}/versions/${version}` }, String(version)),
        state ? ` ${state}` : null,
      );
    }),
  );
}

function saySignature(element, { signature, class_names: names }) {
  const { features, output } = signature;
  const gives = output.targets
    ? plural(output.targets.length, "target")
    : output.task === "clustering"
      ? plural(output.classes.length, "cluster")
      : output.classes
        ? plural(output.classes.length, "class", "classes")
        : output.task;
  find(".signature summary", element).textContent =
    `Signature: ${plural(features.length, "feature")}, ${gives}`;
  const classes = output.targets ? null : output.classes;
  const result = output.targets ? some(output.targets, MANY) : "";
  const labels = classes ? some(classes.map((label) => className(label, names)), MANY) : "";
  fill(find(".gives", element), [result, labels], () => [
    GIVES[output.task],
    result ? " for " : labels ? ": " : "",
    data(result || labels),
    ".",
  ]);
  const titles = ["feature", "kind", "in training", "notes"];
  fill(find(".table", element), signature, () => [
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, titles.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, features.map(signatureRow)),
    ),
  ]);
}

function signatureRow(feature) {
  const marks = [feature.nullable ? "may be empty" : null, feature.private ? "not logged" : null];
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, data(feature.name)),
    make("td", {}, `${feature.kind} `, make("span", { class: "hint" }, feature.dtype)),
    make("td", {}, data(range(feature, MANY))),
    make("td", {}, marks.filter(Boolean).join(", ")),
  );
}

function sayPath(element, live) {
  find(".small", element).textContent = live.fast_path
    ? "Small requests take the fast path, which gives the estimator’s own predictions."
    : `The estimator itself computes every prediction. There is no fast path: ${live.slow_because}`;
}
