// Requests to the server that this page came from, and to no other. Addresses are relative to the page, so that it
// works under any prefix.


const KEY = "octavo.key";

/** What went wrong with a request, in words for the reader. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {"offline" | "key" | "busy" | "refused"} kind
   * @param {number} [retryAfter] Seconds.
   */
  constructor(message, kind, retryAfter = 0) {
    super(message);
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}

/** @param {string} key Kept until the tab is closed. */
export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

/** @param {unknown} error @returns {boolean} Whether the page itself gave the request up. */
export function aborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/**
 * @param {string} path Relative to the page.
 * @param {RequestInit & {json?: unknown, read?: "json" | "blob" | "text"}} [options] `json` is sent as the body; `read`
 *   says how the answer is read.
 * @returns {Promise<any>} What an answer of success holds.
 * @throws {ApiError} Every other answer, half of one, and none.
 */
export async function request(path, { json, read = "json", ...options } = {}) {
  const headers = new Headers(options.headers);
  const key = sessionStorage.getItem(KEY);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  if (json !== undefined) {
    headers.set("Content-Type", "application/json");
    options = { method: "POST", ...options, body: JSON.stringify(json) };
  }
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), { ...options, headers, credentials: "same-origin" });
    if (response.ok) return await response[read]();
  } catch (error) {
    if (aborted(error)) throw error;
    throw new ApiError("The server cannot be reached.", "offline");
  }
  throw await refusal(response);
}

/** @param {Response} response @returns {Promise<ApiError>} */
async function refusal(response) {
  const { status } = response;
  const body = await response.json().catch(() => null);
  if (status === 401 || (status === 403 && body?.code !== "quota")) {
    document.dispatchEvent(new CustomEvent("keywanted", { detail: sessionStorage.getItem(KEY) !== null }));
    return new ApiError("The server asks for an API key.", "key");
  }
  if (status === 429 || status === 503) {
    const seconds = Math.min(Math.max(Number(response.headers.get("Retry-After")) || 2, 1), 60);
    return new ApiError("The server has much to do.", "busy", seconds);
  }
  if (status >= 502 && body === null) return new ApiError("The server cannot be reached.", "offline");
  return new ApiError(message(body), "refused");
}

/**
 * What a problem says to people: `detail` and `title` of our own API, `message` of that of documents.
 * @param {any} body @returns {string}
 */
export function message(body) {
  const found = body?.detail || body?.title || body?.message;
  return typeof found === "string" && found ? sentence(found) : "The server refused this, and gave no reason.";
}

/** @param {string} words @returns {string} As a sentence. */
function sentence(words) {
  return `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
}

/**
 * @typedef {object} Offer What the server can do.
 * @property {[string, string][]} pairs Languages that it translates from and to.
 * @property {boolean} detects Whether it finds a text's language out.
 * @property {number} characters The most of one text.
 * @property {number} documentBytes The most of one document.
 * @property {Record<string, string[]>} formats Of documents, and the endings of their names.
 */

/** @returns {Promise<Offer>} */
export async function offer() {
  const [limits, known] = await Promise.all([request("page/limits.json"), request("v1/languages")]);
  const pairs = known.languages.flatMap(({ tag, targets }) => targets.map((target) => [tag, target]));
  const { characters, detects, document_bytes: documentBytes, formats } = limits;
  return { pairs, detects, characters, documentBytes, formats };
}

/**
 * @typedef {object} TextAnswer
 * @property {string} text
 * @property {string} source The tag of its language, stated or found.
 * @property {string[]} alternatives The best translations, the best one first.
 * @property {import("./text.js").Segment[]} segments
 * @property {string[]} warnings Sentences for people.
 */

/**
 * @param {string} text
 * @param {object} options
 * @param {string} options.source "" where the server finds it out.
 * @param {string} options.target
 * @param {import("./tsv.js").Term[]} options.glossary
 * @param {number} [options.alternatives] How many translations are wanted.
 * @param {AbortSignal} options.signal
 * @returns {Promise<TextAnswer>}
 */
export async function translate(text, { source, target, glossary, alternatives, signal }) {
  const json = {
    items: [{ text }],
    source: source || null,
    target,
    glossary: glossary.flatMap(rows),
    options: alternatives ? { nbest: alternatives, beam: alternatives + 1 } : null,
    segments: true,
    priority: "interactive",
  };
  const { results } = await request("v1/translate", { json, signal });
  const [result] = results;
  if (result.error) throw new ApiError(message(result.error), "refused");
  return {
    text: result.text,
    source: result.source,
    alternatives: (result.alternatives ?? []).map((each) => each.text),
    warnings: (result.warnings ?? []).map((each) => each.message),
    segments: result.segments ?? [],
  };
}

/**
 * A term as the server reads it: a row for each translation.
 * @param {import("./tsv.js").Term} term @returns {string[][]}
 */
function rows({ source, target, exact }) {
  return target.split("|").map((each) => [source, each.trim(), exact ? "exact" : ""]);
}
