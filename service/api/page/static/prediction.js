// What the API says about one row: predictions, a score, and probabilities as bars.

import { data, make } from "./elements.js";
import { plural, short } from "./numbers.js";

const FIRST_BARS = 8; // the rest is folded away
const SCORES = {
  outlier: "negative means outlier",
  clustering: "the log-likelihood of the row; the lower, the less usual it is",
};

/** Show a response: in `said` what was predicted, in `probabilities` how probable each class is. */
export function showPrediction(said, probabilities, content, { task, names }) {
  const outcomes = outcomesOf(content);
  const headlines = outcomes.map(({ target, prediction }) =>
    make(
      "p",
      { class: "prediction" },
      target === null ? null : make("span", { class: "target" }, data(target)),
      headline(prediction, names, task),
    ),
  );
  const score = content.scores ? [scoreLine(content.scores[0], task)] : [];
  const footer = make(
    "p",
    { class: "hint" },
    `Predicted by version ${content.version}, and in the log as `,
    make("code", {}, content.ids[0]),
  );
  said.replaceChildren(...headlines, ...score, footer);
  const known = outcomes.filter((outcome) => outcome.probabilities.length);
  probabilities.replaceChildren(...known.map((outcome) => bars(outcome, names, task)));
}

/** Say why there is no prediction; `named` are the problems with single features. */
export function showProblem(said, probabilities, message, named) {
  const words = make("p", {}, data(message));
  const problems = named.map(({ feature, problem }) =>
    make("li", {}, data(feature), ` ${problem}.`),
  );
  said.replaceChildren(
    make("p", { class: "problem" }, "No prediction"),
    ...(problems.length
      ? [
          make("ul", {}, problems),
          make("details", {}, make("summary", {}, "In the API’s words"), words),
        ]
      : [words]),
  );
  probabilities.replaceChildren();
}

function headline(prediction, names, task) {
  if (prediction === null) return "no number";
  if (typeof prediction === "number" && !Number.isInteger(prediction)) {
    return make("data", { value: prediction, title: String(prediction) }, short(prediction, 6));
  }
  const name = className(prediction, names, task);
  const unnamed = className(prediction, null, task);
  const label = task === "clustering" ? unnamed : `class ${prediction}`;
  const hint = name === unnamed ? null : make("span", { class: "hint" }, ` ${label}`);
  return make("data", { value: String(prediction) }, data(name), hint);
}

function scoreLine(score, task) {
  const value = make("data", { value: score, title: String(score) }, short(score, 3));
  return make("p", { class: "score" }, "Score ", value, `: ${SCORES[task]}.`);
}

/** Give a class's name for people; Python wrote its label as text. A cluster has a number. */
export function className(label, names, task) {
  const text = String(label);
  const written = [text, `${text}.0`, text.slice(0, 1).toUpperCase() + text.slice(1)]; // 1.0, True
  const known = written.find((each) => names && Object.hasOwn(names, each));
  if (known !== undefined) return names[known];
  return task === "clustering" ? `cluster ${text}` : text || "(empty)";
}

/** Lay out the response to one row: a prediction a target, with the probability of each class. */
function outcomesOf({ predictions, probabilities, classes, targets }) {
  const prediction = predictions[0];
  const first = probabilities?.[0] ?? null;
  if (!targets) return [{ target: null, prediction, probabilities: pairs(classes, first) }];
  return targets.map((target, number) => ({
    target,
    prediction: prediction[number],
    probabilities: pairs(classes?.[number], first?.[number] ?? null),
  }));
}

function pairs(classes, probabilities) {
  if (probabilities === null) return [];
  if (!Array.isArray(probabilities)) return [[1, probabilities]]; // a target that is on or off
  return probabilities.map((probability, number) => [classes?.[number] ?? number, probability]);
}

/** Show probabilities as bars, the highest first. */
function bars({ target, probabilities }, names, task) {
  const sorted = probabilities.toSorted(([, one], [, other]) => other - one);
  const title = target === null ? "Probabilities" : `Probabilities of ${target}`;
  const table = (some) =>
    make(
      "table",
      { class: "bars", "aria-label": title },
      make("tbody", {}, some.map(([label, value]) => bar(className(label, names, task), value))),
    );
  const rest = sorted.slice(FIRST_BARS);
  const more = make("summary", {}, plural(rest.length, "more class", "more classes"));
  return make(
    "div",
    {},
    target === null ? null : make("h4", {}, data(target)),
    table(sorted.slice(0, FIRST_BARS)),
    rest.length ? make("details", {}, more, table(rest)) : null,
  );
}

function bar(name, probability) {
  const filled = make("span", { class: "filled" });
  // Not an attribute: the policy forbids those.
  filled.style.setProperty("--part", probability ?? 0);
  const words = probability > 0 && probability < 0.0005 ? "< 0.001" : (probability?.toFixed(3) ?? "–");
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, data(name)),
    make("td", { "aria-hidden": "true" }, make("span", { class: "track" }, filled)),
    make("td", { class: "probability" },
      make("data", { value: probability, title: String(probability) }, words)),
  );
}
