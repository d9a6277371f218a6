// Numbers, exactly as they are in JSON and as people type them.

/** Read JSON; an integer that a double cannot hold stays whole, as a BigInt. */
export function readJson(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source)
      ? BigInt(context.source)
      : value,
  );
}

export const json = (value) => (typeof value === "bigint" ? String(value) : JSON.stringify(value));

/** Round for reading, to some significant digits. */
export function short(value, digits = 4) {
  if (typeof value !== "number") return String(value ?? "–");
  if (Number.isInteger(value)) return String(value);
  const whole = Math.ceil(Math.log10(Math.abs(value)));
  return String(Number(value.toPrecision(Math.min(Math.max(digits, whole), 100))));
}

export const counted = (count) => count.toLocaleString("en");
export const plural = (count, one, many = `${one}s`) =>
  `${counted(count)} ${count === 1 ? one : many}`;

/** Bring a number as people type it to JSON's form, digit by digit; null if it is none. */
export function numberLiteral(typed) {
  const text = typed
    .replace(/^\u2212/, "-")
    .replace(/^\+/, "")
    .replace(/^(-?)0+(?=\d)/, "$1")
    .replace(/^(-?)(?=\.\d)/, (sign) => `${sign}0`)
    .replace(/\.(?=e|$)/i, "");
  return /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? text : null;
}
