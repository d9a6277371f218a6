// Elements of the page. Data becomes text nodes and attributes, never markup.

const seen = new WeakMap(); // what an element shows

export const find = (selector, within = document) => within.querySelector(selector);

/** Make an element; children are nodes or text, null is left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

/** Data as people gave it: its own direction of writing, its own spaces. */
export const data = (value) => make("bdi", { class: "data" }, String(value));

/** Whether an element is to show other data than the last time. */
export function changed(element, shown) {
  const known = (_, value) => (typeof value === "bigint" ? `${value}n` : value);
  const before = seen.get(element);
  seen.set(element, JSON.stringify(shown, known));
  return before !== seen.get(element);
}

/** Fill an element only if its data changed, so that focus, selection and scroll stay. */
export function fill(element, shown, build) {
  if (changed(element, shown)) element.replaceChildren(...build());
}

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]];
const inWords = new Intl.RelativeTimeFormat("en");

function ago(then) {
  const seconds = (Date.now() - then) / 1000;
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return unit === "second" ? "just now" : inWords.format(-Math.floor(seconds / size), unit);
}

/** Say how long ago something was; the exact time is the element's title. */
export function time(text) {
  const exact = new Date(text);
  return make("time", { datetime: text, title: exact.toLocaleString() }, ago(exact));
}

/** Bring all times up to date. */
export function moveTimes() {
  for (const each of document.querySelectorAll("time")) {
    const words = ago(new Date(each.dateTime));
    if (each.textContent !== words) each.textContent = words;
  }
}
