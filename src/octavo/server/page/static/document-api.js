// A document by the server's API of documents: upload, ask until it is done, download.

import { ApiError, message, request } from "./api.js";
import { writeTerms } from "./tsv.js";

const ASK_MS = 500;

/**
 * @param {File} file
 * @param {object} options
 * @param {string} options.source "" where the server finds it out.
 * @param {string} options.target
 * @param {import("./tsv.js").Term[]} options.glossary
 * @param {AbortSignal} options.signal
 * @param {(words: string, share: number | null) => void} options.progress
 * @returns {Promise<Blob>} The translation.
 */
export async function translateDocument(file, { source, target, glossary, signal, progress }) {
  const form = new FormData();
  form.append("target_lang", target);
  if (source) form.append("source_lang", source);
  if (glossary.length) form.append("glossary", writeTerms(glossary));
  form.append("file", file, file.name);
  progress("Uploading", null);
  const sent = await ask("v2/document", { method: "POST", body: form, signal });
  const { document_id: id, document_key } = sent;
  const address = `v2/document/${encodeURIComponent(id)}`;
  const asked = { json: { document_key }, signal };
  try {
    await untilDone(address, asked, progress);
    progress("Downloading", 1);
    return await ask(`${address}/result`, { ...asked, read: "blob" });
  } catch (error) {
    // Where the server does not hear that nobody wants the document any more, it forgets it by itself.
    if (signal.aborted) {
      request(address, { method: "DELETE", json: { document_key }, read: "text" }).catch(() => {});
    }
    throw error;
  }
}

/** Ask how far it is, until it is translated. */
async function untilDone(address, asked, progress) {
  const start = performance.now();
  for (;;) {
    const state = await ask(address, asked);
    if (state.status === "done") return;
    if (state.status === "error") throw new ApiError(message(state), "refused");
    const passed = (performance.now() - start) / 1000;
    const left = state.seconds_remaining;
    if (state.status === "queued") progress("Waiting for the server", null);
    else progress("Translating", left === undefined ? null : passed / (passed + left));
    await pause(ASK_MS, asked.signal);
  }
}

/** A request that waits, and is made again, where the server is busy. */
async function ask(path, options) {
  for (;;) {
    try {
      return await request(path, options);
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== "busy") throw error;
      await pause(error.retryAfter * 1000, options.signal);
    }
  }
}

/** @param {number} milliseconds @param {AbortSignal} signal @returns {Promise<void>} */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
