// A document by the server's API of documents: upload, ask until it is done, download.

import { ApiError, request } from "./api.js";

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
  form.append("file", file, file.name);
  form.append("target_lang", target);
  if (source) form.append("source_lang", source);
  progress("Uploading", null);
  const uploaded = await patiently(() => request("v2/document", { method: "POST", body: form, signal }), signal);
  const { document_id: id, document_key: key } = await uploaded.json();
  const address = `v2/document/${encodeURIComponent(id)}`;
  const json = { document_key: key };
  const start = performance.now();
  for (;;) {
    const state = await (await patiently(() => request(address, { json, signal }), signal)).json();
    if (state.status === "done") break;
    if (state.status === "error") throw new ApiError(state.error_message ?? state.message ?? "It failed.", "refused");
    const passed = (performance.now() - start) / 1000;
    const left = state.seconds_remaining;
    if (state.status === "queued") progress("Waiting for the server", null);
    else progress("Translating", left === undefined ? null : passed / (passed + left));
    await pause(ASK_MS, signal);
  }
  progress("Downloading", 1);
  return (await request(`${address}/result`, { json, signal })).blob();
}

/** Wait and ask again where the server is busy. */
async function patiently(ask, signal) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== "busy") throw error;
      await pause(error.retryAfter * 1000, signal);
    }
  }
}

/** @param {number} milliseconds @param {AbortSignal} signal @returns {Promise<void>} */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
