// One model's article: its facts, and its form.

import { showPrediction, showProblem } from "./prediction.js";
import { changed, data, find } from "./elements.js";
import { showFacts } from "./facts.js";
import { Field, exampleOf } from "./field.js";
import { plural } from "./numbers.js";
import { fetchJson } from "./requests.js";

const ANSWER_MS = 60_000;
const FIRST_FIELDS = 12; // the rest is folded away

export class ModelArticle {
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
    const search = find("[type=search]", this.form);
    search.addEventListener("input", () => this.filter());
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault(); // it looks for a feature, and asks nothing
    });
  }

  part(selector) {
    return find(selector, this.element);
  }

  update(model) {
    const live = model.live;
    this.output = { task: live?.signature.output.task, names: live?.class_names };
    showFacts(this.element, model);
    this.part(".talk").hidden = live === null;
    if (live === null) return;
    if (changed(this.form, live.signature)) this.makeFields(live);
    for (const field of this.fields.values()) field.example = exampleOf(live, field.feature);
  }

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
    const said = exampleSaid(live.signature);
    find(".example", this.form).textContent = `${said} Change what you like.`;
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
    const value = ([name, field]) => `${JSON.stringify(name)}:${field.literal()}`;
    const row = [...this.fields].map(value).join(",");
    try {
      const { status, content } = await fetchJson(`models/${this.name}/predict`, ANSWER_MS, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: `{"rows":[{${row}}]}`, // not JSON.stringify, which knows no large integers
      });
      if (status === 200) this.showPrediction(content);
      else this.showProblem(content?.error ?? `The API responds ${status}.`, content?.details ?? []);
    } catch (error) {
      const why = error.name === "TimeoutError" ? "did not respond in time" : "is not reachable";
      this.showProblem(`The API ${why}. What you typed is still here: try again.`, []);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  showPrediction(content) {
    showPrediction(this.part(".said"), this.part(".probabilities"), content, this.output);
    this.part(".response > div").scrollIntoView({ block: "nearest" });
  }

  /** Say what is wrong, mark the fields that are named, and lead to the first of them. */
  showProblem(message, details) {
    const named = details.filter(({ feature }) => feature !== undefined);
    showProblem(this.part(".said"), this.part(".probabilities"), message, named);
    const known = named.filter(({ feature }) => this.fields.has(feature));
    for (const { feature, problem } of known) this.fields.get(feature).mark(`It ${problem}.`);
    if (!known.length) {
      this.part(".response > div").scrollIntoView({ block: "nearest" });
      return;
    }
    find("[type=search]", this.form).value = "";
    this.filter();
    const first = this.fields.get(known[0].feature);
    if (first.element.closest(".more")) find(".more", this.form).open = true;
    first.input.focus(); // which scrolls to it
  }
}

/** Say what the fields hold at first: of a private feature no value of training. */
function exampleSaid({ features }) {
  const hidden = features.filter((feature) => feature.private).length;
  if (!hidden) return "The fields hold a row of the training data.";
  const others = hidden < features.length ? " The others hold a row of the training data." : "";
  return `Fields of private features are empty or hold a made-up value.${others}`;
}
