// The page for people. What it shows comes from `GET models` and `GET health/ready`; all addresses
// are relative, because JupyterLab serves the page under a prefix, too. Data becomes text nodes
// and attributes, never markup.

const POLL_MS = 2000;
const WAIT_MS = 10_000; // after which the API counts as gone
const ANSWER_MS = 60_000;
const FIRST_FIELDS = 12; // the rest is folded away
const FIRST_BARS = 8;
const FIRST_CATEGORIES = 6;
const OFFERED = 500; // categories that a field proposes

const find = (selector, within = document) => within.querySelector(selector);
const seen = new WeakMap();

/** Make an element; children are nodes or text, null is left out. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

/** Data as people gave it: its own direction of writing, its own spaces. */
const data = (value) => make("bdi", { class: "data" }, String(value));

/** Whether an element is to show other data than the last time. */
function changed(element, shown) {
  const key = JSON.stringify(shown, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  const before = seen.get(element);
  seen.set(element, key);
  return before !== key;
}

/** Fill an element only if its data changed, so that focus, selection and scroll stay. */
function fill(element, shown, build) {
  if (changed(element, shown)) element.replaceChildren(...build().filter((child) => child !== null));
}

// Numbers

/** Read JSON; an integer that a double cannot hold stays whole, as a BigInt. */
function readJson(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source)
      ? BigInt(context.source)
      : value,
  );
}

const json = (value) => (typeof value === "bigint" ? String(value) : JSON.stringify(value));

/** Round for reading, to some significant digits. */
function short(value, digits = 4) {
  if (typeof value !== "number") return String(value ?? "–");
  if (Number.isInteger(value)) return String(value);
  const whole = Math.ceil(Math.log10(Math.abs(value)));
  return String(Number(value.toPrecision(Math.min(Math.max(digits, whole), 100))));
}

const counted = (count) => count.toLocaleString("en");
const plural = (count, one, many = `${one}s`) => `${counted(count)} ${count === 1 ? one : many}`;

/** Bring a number as people type it to JSON's form, digit by digit; null if it is none. */
function numberLiteral(typed) {
  const text = typed
    .replace(/^\u2212/, "-")
    .replace(/^\+/, "")
    .replace(/^(-?)0+(?=\d)/, "$1")
    .replace(/^(-?)(?=\.\d)/, (sign) => `${sign}0`)
    .replace(/\.(?=e|$)/i, "");
  return /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? text : null;
}

// Time

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]];
const inWords = new Intl.RelativeTimeFormat("en");

function ago(then) {
  const seconds = (Date.now() - then) / 1000;
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return unit === "second" ? "just now" : inWords.format(-Math.floor(seconds / size), unit);
}

function time(text) {
  const exact = new Date(text);
  return make("time", { datetime: text, title: exact.toLocaleString() }, ago(exact));
}

function moveTimes() {
  for (const each of document.querySelectorAll("time")) {
    const words = ago(new Date(each.dateTime));
    if (each.textContent !== words) each.textContent = words;
  }
}

// One feature's field

class Field {
  constructor(feature, id, example) {
    this.feature = feature;
    this.example = example;
    this.touched = false;
    this.input = this.control(id);
    this.error = make("span", { class: "error", id: `${id}-error` });
    this.hint = make("span", { class: "hint", id: `${id}-hint` });
    this.element = make(
      "div",
      { class: "field" },
      make("label", { for: id }, data(feature.name)),
      this.hint,
      this.input,
      this.error,
    );
    const options = this.proposals(`${id}-list`);
    if (options) this.element.append(options);
    this.input.value = example;
    this.input.addEventListener("input", () => {
      this.touched = true;
      this.mark("");
      this.sayUsual();
    });
    this.sayUsual();
  }

  control(id) {
    const { kind, nullable, minimum } = this.feature;
    const known = { id, "aria-describedby": `${id}-hint ${id}-error`, name: this.feature.name };
    if (kind === "boolean") {
      return make(
        "select",
        known,
        make("option", { value: "true" }, "true"),
        make("option", { value: "false" }, "false"),
        nullable ? make("option", { value: "" }, "missing") : null,
      );
    }
    // A phone's keyboard for numbers has no minus.
    const keyboard = kind === "category" || !(minimum >= 0) ? "text" : "decimal";
    return make("input", {
      ...known,
      type: "text",
      inputmode: keyboard,
      autocapitalize: "off",
      spellcheck: "false",
      placeholder: nullable ? "missing" : null,
      list: kind === "category" ? `${id}-list` : null,
    });
  }

  proposals(id) {
    if (this.feature.kind !== "category") return null;
    const known = (this.feature.categories ?? []).slice(0, OFFERED);
    return make("datalist", { id }, known.map((each) => make("option", { value: oneLine(each) })));
  }

  /** Say what training saw, and whether the value is outside of it. */
  sayUsual() {
    const unusual = this.input.value !== "" && this.isUnusual();
    const said = [
      unusual ? "not seen in training:" : null,
      range(this.feature, FIRST_CATEGORIES),
      this.feature.nullable ? "may be empty" : null,
      this.feature.private ? "not logged" : null,
    ];
    this.hint.classList.toggle("unusual", unusual);
    this.hint.textContent = said.filter(Boolean).join(" · ").replace(": · ", ": ");
  }

  isUnusual() {
    const { kind, minimum, maximum } = this.feature;
    if (kind === "category") return this.category() === undefined;
    const number = Number(numberLiteral(this.input.value.trim()) ?? NaN);
    return minimum !== null && (number < minimum || number > maximum);
  }

  category() {
    return (this.feature.categories ?? []).find((each) => oneLine(each) === this.input.value);
  }

  restore() {
    this.input.value = this.example;
    this.touched = false;
    this.mark("");
    this.sayUsual();
  }

  /** Give the value as JSON, exactly as it was typed; what is no number is for the API to refuse. */
  literal() {
    const { kind, nullable, categories } = this.feature;
    const typed = kind === "category" ? this.input.value : this.input.value.trim();
    if (typed === "" && (nullable || kind !== "category")) return "null";
    if (kind === "boolean") return typed;
    if (kind === "category") {
      const known = this.category();
      if (known !== undefined) return json(known);
      if (typed === "") return "null";
      if (typeof categories?.[0] === "string") return JSON.stringify(typed);
    }
    return numberLiteral(typed) ?? JSON.stringify(typed);
  }

  mark(problem) {
    this.error.textContent = problem;
    this.element.classList.toggle("wrong", problem !== "");
    if (problem) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }
}

/** Give the example row's value of a feature, as its field shows it. */
function exampleOf({ example }, { name }) {
  const value = example && Object.hasOwn(example, name) ? example[name] : null;
  return value === null ? "" : oneLine(value);
}

/** A category as an input can hold it: inputs drop line breaks. */
const oneLine = (value) => String(value).replace(/[\r\n]/g, "");

/** Say in a few words what training saw of a feature. */
function range({ kind, minimum, maximum, categories }, most) {
  if (kind === "boolean") return "true or false";
  if (kind === "category") return some(categories, most);
  if (minimum === null) return "";
  return minimum === maximum ? `always ${short(minimum)}` : `${short(minimum)}\u00a0to\u00a0${short(maximum)}`;
}

function some(values, most) {
  const first = values.slice(0, most).map(String).join(", ");
  return values.length > most ? `${first}, … ${counted(values.length)} in all` : first;
}

// One model

class ModelArticle {
  constructor(name) {
    this.name = name;
    this.fields = new Map();
    this.element = find("#model").content.cloneNode(true).firstElementChild;
    this.form = find("form", this.element);
    const title = find("h2", this.element);
    title.id = `model-${name}-title`;
    title.append(data(name));
    this.element.setAttribute("aria-labelledby", title.id);
    find(".table", this.element).setAttribute("aria-label", `Signature of ${name}`);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    find(".again", this.form).addEventListener("click", () => this.restore());
    find("[type=search]", this.form).addEventListener("input", () => this.filter());
  }

  part(selector) {
    return find(selector, this.element);
  }

  update(model) {
    const live = model.live;
    this.live = live;
    this.sayLive(model);
    this.sayFigures(model);
    this.sayNotices(model);
    this.sayRefusals(model);
    this.sayVersions(model);
    this.part(".talk").hidden = this.part(".signature").hidden = live === null;
    this.part(".small").hidden = live === null;
    if (live === null) return;
    this.saySignature(live);
    this.sayPath(live);
    if (changed(this.form, live.signature)) this.makeFields(live);
    for (const field of this.fields.values()) field.example = exampleOf(live, field.feature);
  }

  sayLive({ live, versions }) {
    fill(this.part(".live"), [live?.version, live?.since, live?.estimator, versions], () =>
      live === null
        ? ["Nothing is live."]
        : [
            `Version ${live.version} went live `,
            time(live.since),
            make("span", { class: "estimator" }, data(live.estimator)),
          ],
    );
  }

  sayFigures({ live, traffic }) {
    const figures = Object.entries(live?.metrics ?? {}).map(([name, value]) => [name, value, ""]);
    if (traffic) {
      figures.push(["predictions", counted(traffic.predictions), ""]);
      figures.push(["mean time", traffic.mean_ms, " ms"]);
      if (traffic.p95_ms !== null) figures.push(["95% within", traffic.p95_ms, " ms"]);
    }
    this.part(".figures").hidden = figures.length === 0;
    fill(this.part(".figures"), figures, () =>
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

  /** Say what needs attention: a newer version that was refused, workers that differ. */
  sayNotices(model) {
    const { live, versions, workers } = model;
    const notices = [];
    const refused = refusals(model);
    const newest = refused.filter(({ version }) => version === null || version > (live?.version ?? 0));
    for (const { version, reason } of newest.slice(-1)) {
      const what = version === null ? "The alias file is refused." : `Version ${version} is refused.`;
      const still = live === null ? "" : ` Version ${live.version} serves on.`;
      notices.push([`${what}${still}`, reason]);
    }
    if (live === null && versions.length) {
      const newest = versions.at(-1);
      notices.push(["Nothing is live.", `In a notebook: lab.promote("${this.name}", ${newest})`]);
    }
    const serving = new Set(workers.map((worker) => worker.version));
    if (serving.size > 1) {
      const each = workers.map(({ pid, version }) =>
        version === null ? `worker ${pid} nothing` : `worker ${pid} version ${version}`,
      );
      notices.push(["The workers do not all serve the same.", `Now: ${each.sort().join(", ")}.`]);
    }
    fill(this.part(".notices"), notices, () =>
      notices.map(([title, text]) =>
        make("p", { class: "notice" }, make("strong", {}, title), " ", data(text)),
      ),
    );
  }

  sayRefusals(model) {
    const refused = refusals(model).reverse();
    const details = this.part(".refusals");
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

  sayVersions(model) {
    const { live, versions } = model;
    const refused = new Set(refusals(model).map(({ version }) => version));
    find(".versions summary", this.element).textContent = plural(versions.length, "version");
    fill(this.part(".versions ul"), [versions, live?.version, [...refused]], () =>
      versions.toReversed().map((version) => {
        const state = version === live?.version ? "live" : refused.has(version) ? "refused" : "";
        return make(
          "li",
          { class: state || null },
          make("a", { href: `models/${this.name}/versions/${version}` }, String(version)),
          state ? ` ${state}` : null,
        );
      }),
    );
  }

  saySignature({ signature, class_names: names }) {
    const { features, output } = signature;
    const gives = output.targets
      ? plural(output.targets.length, "target")
      : output.classes
        ? plural(output.classes.length, "class", "classes")
        : output.task;
    find(".signature summary", this.element).textContent =
      `Signature: ${plural(features.length, "feature")}, ${gives}`;
    const classes = output.targets ? null : output.classes;
    const result = output.targets ? some(output.targets, 12) : "";
    const labels = classes ? some(classes.map((label) => className(label, names)), 12) : "";
    fill(this.part(".gives"), [result, labels], () => [
      output.task === "regression" ? "Gives numbers" : "Gives classes",
      result ? " for " : labels ? ": " : "",
      data(result || labels),
      ".",
    ]);
    fill(this.part(".table"), signature, () => [
      make(
        "table",
        {},
        make(
          "thead",
          {},
          make("tr", {}, ["feature", "kind", "in training", "notes"].map((name) => make("th", { scope: "col" }, name))),
        ),
        make("tbody", {}, features.map((feature) => this.signatureRow(feature))),
      ),
    ]);
  }

  signatureRow(feature) {
    const marks = [feature.nullable ? "may be empty" : null, feature.private ? "not logged" : null];
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, data(feature.name)),
      make("td", {}, `${feature.kind} `, make("span", { class: "hint" }, feature.dtype)),
      make("td", {}, data(range(feature, 12))),
      make("td", {}, marks.filter(Boolean).join(", ")),
    );
  }

  sayPath(live) {
    this.part(".small").textContent = live.fast_path
      ? "Small requests are answered by the fast path, which gives the estimator’s answers."
      : `Every request is answered by the estimator itself, without a fast path: ${live.slow_because}`;
  }

  // The form

  /** Make the fields anew; what was typed, and the focus, move over to the features that stay. */
  makeFields(live) {
    const before = this.fields;
    const focused = [...before.values()].find(({ input }) => input === document.activeElement);
    this.fields = new Map();
    live.signature.features.forEach((feature, number) => {
      const id = `model-${this.name}-${number}`;
      const field = new Field(feature, id, exampleOf(live, feature));
      const old = before.get(feature.name);
      if (old?.touched && old.feature.kind === feature.kind) {
        field.input.value = old.input.value;
        field.touched = true;
        field.sayUsual();
      }
      this.fields.set(feature.name, field);
    });
    const elements = [...this.fields.values()].map(({ element }) => element);
    const [first, rest] = this.form.querySelectorAll(".fields");
    first.replaceChildren(...elements.slice(0, FIRST_FIELDS));
    rest.replaceChildren(...elements.slice(FIRST_FIELDS));
    const more = find(".more", this.form);
    more.hidden = find(".find", this.form).hidden = elements.length <= FIRST_FIELDS;
    find("summary", more).textContent = `${elements.length - FIRST_FIELDS} more features`;
    const again = focused && this.fields.get(focused.feature.name);
    again?.input.focus({ preventScroll: true });
    again?.input.setSelectionRange?.(focused.input.selectionStart, focused.input.selectionEnd);
  }

  filter() {
    const search = find("[type=search]", this.form);
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const [name, { element }] of this.fields) {
      element.hidden = !name.toLowerCase().includes(wanted);
      shown += element.hidden ? 0 : 1;
    }
    if (wanted) find(".more", this.form).open = true;
    find(".find .hint", this.form).textContent = wanted ? plural(shown, "feature") : "";
  }

  restore() {
    for (const field of this.fields.values()) field.restore();
  }

  async ask() {
    const button = find("[type=submit]", this.form);
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    for (const field of this.fields.values()) field.mark("");
    const values = [...this.fields].map(([name, field]) => `${JSON.stringify(name)}:${field.literal()}`);
    try {
      const { status, content } = await fetchJson(`models/${this.name}/predict`, ANSWER_MS, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: `{"rows":[{${values.join(",")}}]}`,
      });
      if (status === 200) this.showAnswer(content);
      else this.showProblem(content?.error ?? `The API answered ${status}.`, content?.details ?? []);
    } catch (error) {
      const why = error.name === "TimeoutError" ? "gave no answer in time" : "is not reachable";
      this.showProblem(`The API ${why}. What you typed is still here: try again.`, []);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  showAnswer(content) {
    const outcomes = outcomesOf(content);
    const names = this.live?.class_names;
    const footer = make(
      "p",
      { class: "hint" },
      `Answered by version ${content.version}, and in the log as `,
      make("code", {}, content.ids[0]),
    );
    const headlines = outcomes.map(({ target, prediction }) =>
      make(
        "p",
        { class: "prediction" },
        target === null ? null : make("span", { class: "target" }, data(target)),
        this.headline(prediction, names),
      ),
    );
    this.part(".said").replaceChildren(...headlines, footer);
    this.part(".chances").replaceChildren(
      ...outcomes.filter(({ chances }) => chances.length).map((outcome) => bars(outcome, names)),
    );
    this.part(".answer > div").scrollIntoView({ block: "nearest" });
  }

  headline(prediction, names) {
    if (typeof prediction === "number" && !Number.isInteger(prediction)) {
      return make("data", { value: prediction, title: String(prediction) }, short(prediction, 6));
    }
    const name = className(prediction, names);
    const own = name === String(prediction) ? null : make("span", { class: "hint" }, ` class ${prediction}`);
    return make("data", { value: String(prediction) }, data(name), own);
  }

  showProblem(message, details) {
    const named = details.filter(({ feature }) => feature !== undefined);
    const said = [make("p", { class: "problem" }, "Not answered")];
    if (named.length) {
      said.push(make("ul", {}, named.map(({ feature, problem }) => make("li", {}, data(feature), ` ${problem}.`))));
      said.push(make("details", {}, make("summary", {}, "In the API’s words"), make("p", {}, data(message))));
    } else {
      said.push(make("p", {}, data(message)));
    }
    this.part(".said").replaceChildren(...said);
    this.part(".chances").replaceChildren();
    const marked = named.map(({ feature, problem }) => {
      const field = this.fields.get(feature);
      field?.mark(`It ${problem}.`);
      return field;
    });
    const first = marked.find((field) => field !== undefined);
    if (first) {
      find("[type=search]", this.form).value = "";
      this.filter();
      if (first.element.closest(".more")) find(".more", this.form).open = true;
      first.input.focus();
    }
    this.part(".answer > div").scrollIntoView({ block: "nearest" });
  }
}

/** List what was refused, by this worker or another, the newest last. */
function refusals({ refused, workers }) {
  const all = new Map(refused.map((each) => [each.version, each]));
  for (const worker of workers) {
    for (const [text, reason] of Object.entries(worker.refused)) {
      const version = text === "None" ? null : Number(text);
      if (!all.has(version)) all.set(version, { version, reason, time: null });
    }
  }
  return [...all.values()].sort((one, other) => (one.version ?? Infinity) - (other.version ?? Infinity));
}

/** Give a class's name for people; Python wrote its label as text. */
function className(label, names) {
  const text = String(label);
  const written = [text, `${text}.0`, text[0].toUpperCase() + text.slice(1)]; // 1.0, True
  const known = written.find((each) => names && Object.hasOwn(names, each));
  return known === undefined ? text : names[known];
}

/** Lay out an answer to one row: a prediction a target, with the probability of each class. */
function outcomesOf({ predictions, probabilities, classes, targets }) {
  const prediction = predictions[0];
  const chances = probabilities?.[0] ?? null;
  if (!targets) return [{ target: null, prediction, chances: pairs(classes, chances) }];
  return targets.map((target, number) => ({
    target,
    prediction: prediction[number],
    chances: pairs(classes?.[number], chances?.[number] ?? null),
  }));
}

function pairs(classes, chances) {
  if (chances === null) return [];
  if (!Array.isArray(chances)) return [[1, chances]]; // a target that is on or off
  return chances.map((chance, number) => [classes?.[number] ?? number, chance]);
}

/** Show probabilities as bars, the highest first. */
function bars({ target, chances }, names) {
  const sorted = chances.toSorted(([, one], [, other]) => other - one);
  const table = (some) =>
    make(
      "table",
      { class: "bars", "aria-label": target === null ? "Probabilities" : `Probabilities of ${target}` },
      make("tbody", {}, some.map(([label, chance]) => bar(className(label, names), chance))),
    );
  const rest = sorted.slice(FIRST_BARS);
  return make(
    "div",
    {},
    target === null ? null : make("h4", {}, data(target)),
    table(sorted.slice(0, FIRST_BARS)),
    rest.length
      ? make("details", {}, make("summary", {}, `${plural(rest.length, "more class", "more classes")}`), table(rest))
      : null,
  );
}

function bar(name, chance) {
  const filled = make("span", { class: "filled" });
  filled.style.setProperty("--part", chance ?? 0); // not an attribute: the policy forbids those
  const words = chance === null ? "–" : chance > 0 && chance < 0.0005 ? "< 0.001" : chance.toFixed(3);
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, data(name)),
    make("td", { "aria-hidden": "true" }, make("span", { class: "track" }, filled)),
    make("td", { class: "chance" }, make("data", { value: chance, title: String(chance) }, words)),
  );
}

// The whole page

const articles = new Map();
const status = find("#status");
let chosen = "";
let lastAnswer = null;

async function fetchJson(path, wait, options = {}) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(wait), ...options });
  const text = await response.text();
  try {
    return { status: response.status, content: readJson(text) };
  } catch {
    return { status: response.status, content: null }; // something between here and the API answers
  }
}

function say(state, words) {
  status.dataset.state = state;
  if (status.textContent !== words) status.textContent = words;
}

const SYNCED = {
  interval: "synced to disk each second",
  always: "synced to disk before the answer",
  off: "synced to disk when the system does it",
};

function sayHealth({ status: code, content }, models) {
  if (code === 200) {
    say("ready", `Ready. Every prediction is logged, ${SYNCED[content.log_sync]}.`);
  } else if (models.length === 0) {
    say("waiting", "The API is up and waits for a first model.");
  } else {
    say("failing", content?.error ?? `The API answers ${code} when asked whether it is ready.`);
  }
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
  const listed = models.map((model) => [model.name, model.live?.version, model.live?.since, refusals(model)]);
  fill(find("#models ul"), [listed, chosen], () => models.map(listItem));
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
  const refused = refusals(model).length;
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
        live === null ? null : make("span", { class: "when" }, ", ", time(live.since)),
      ),
      refused ? make("span", { class: "hint unusual" }, `${refused} refused`) : null,
    ),
  );
}

let polling = false;
let timer = 0;

async function poll() {
  clearTimeout(timer);
  if (polling || document.hidden) return;
  polling = true;
  try {
    const [models, health] = await Promise.all(
      ["models", "health/ready"].map((path) => fetchJson(path, WAIT_MS)),
    );
    document.body.classList.remove("gone");
    if (models.content?.models) {
      lastAnswer = [models.content.models, health.content?.model];
      show(...lastAnswer);
      sayHealth(health, models.content.models);
    } else {
      sayHealth(models, []);
    }
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    sayGone(); // what fetch raises
  } finally {
    polling = false;
    moveTimes();
    timer = setTimeout(poll, POLL_MS);
  }
}

function sayGone() {
  if (document.body.classList.contains("gone")) return;
  document.body.classList.add("gone");
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
