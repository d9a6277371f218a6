// Requests to the API.

import { readJson } from "./numbers.js";

/** Ask the API; what is not JSON comes from something between here and there, and is null. */
export async function fetchJson(path, wait, options = {}) {
  const signal = AbortSignal.timeout(wait);
  const response = await fetch(path, { cache: "no-store", signal, ...options });
  const text = await response.text();
  try {
    return { status: response.status, content: readJson(text) };
  } catch {
    return { status: response.status, content: null };
  }
}
