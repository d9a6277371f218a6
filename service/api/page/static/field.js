// One feature's field: what it proposes, says and sends.

import { data, make } from "./elements.js";
import { counted, json, numberLiteral, short } from "./numbers.js";

const FIRST_CATEGORIES = 6;
const TEXTS = ["category", "text", "datetime", "timedelta"];

export class Field {
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
    const signed = TEXTS.includes(kind) || minimum === null || minimum < 0;
    const keyboard = signed ? "text" : "decimal";
    return make("input", {
      ...known,
      type: "text",
      inputmode: keyboard,
      autocapitalize: "off",
      spellcheck: "false",
      placeholder: nullable ? "missing" : null,
      list: this.feature.categories ? `${id}-list` : null,
    });
  }

  proposals(id) {
    if (!this.feature.categories) return null; // a private feature has none to show
    const known = this.feature.categories;
    return make("datalist", { id }, known.map((each) => make("option", { value: oneLine(each) })));
  }

  /** Say what training saw, and whether the value is outside of it. */
  sayUsual() {
    const unusual = this.input.value !== "" && this.isUnusual();
    const { nullable, never_missing: neverMissing, private: hidden } = this.feature;
    const said = [
      (unusual ? "not seen in training: " : "") + range(this.feature, FIRST_CATEGORIES),
      nullable && !neverMissing ? "may be empty" : "",
      hidden ? "not logged" : "",
    ];
    this.hint.classList.toggle("unusual", unusual);
    this.hint.textContent = said.filter(Boolean).join(" · ");
  }

  isUnusual() {
    const { kind, categories, category_count: count, minimum, maximum } = this.feature;
    if (kind === "category") {
      const isAllKnown = categories !== null && categories.length === count;
      return isAllKnown && this.category() === undefined;
    }
    if (TEXTS.includes(kind)) return false; // the API compares moments, and marks them in the log
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

  /** Give the value as JSON, exactly as it was typed; what is no number the API will refuse. */
  literal() {
    const { kind, nullable, type } = this.feature;
    const isText = kind === "category" || kind === "text";
    const typed = isText ? this.input.value : this.input.value.trim();
    if (typed === "" && (nullable || !isText)) return "null";
    if (kind === "boolean") return typed;
    if (kind !== "category" && TEXTS.includes(kind)) return JSON.stringify(typed);
    if (kind === "category") {
      const known = this.category();
      if (known !== undefined) return json(known);
      if (typed === "") return "null";
      if (type === "string") return JSON.stringify(typed);
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
export function exampleOf({ example }, { name }) {
  const value = example && Object.hasOwn(example, name) ? example[name] : null;
  return value === null ? "" : oneLine(value);
}

/** A category as an input can hold it: inputs drop line breaks. */
const oneLine = (value) => String(value).replace(/[\r\n]/g, "");

/** Say in a few words what training saw of a feature. */
export function range({ kind, minimum, maximum, categories, category_count: count }, most) {
  if (kind === "boolean") return "true or false";
  if (kind === "text") return "free text";
  if (kind === "category") return categories ? some(categories, most, count) : "";
  if (minimum === null) return "";
  const shown = TEXTS.includes(kind) ? String : short;
  const [low, high] = [shown(minimum), shown(maximum)];
  return minimum === maximum ? `always ${low}` : `${low} to ${high}`;
}

/** List the first values, and count the rest. */
export function some(values, most, count = values.length) {
  const first = values.slice(0, most).map(String).join(", ");
  return count > most ? `${first}, … ${counted(count)} in all` : first;
}
