"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element with these children; a string becomes text, with `code` between backquotes. */
function element(name, ...children) {
  const made = document.createElement(name);
  for (const child of children) {
    if (typeof child !== "string") {
      made.append(child);
      continue;
    }
    child.split("`").forEach((piece, index) => {
      if (index % 2) made.append(code(piece));
      else made.append(piece);
    });
  }
  return made;
}

function code(text) {
  const made = document.createElement("code");
  made.textContent = text;
  return made;
}

function json(value) {
  const made = document.createElement("pre");
  made.textContent = JSON.stringify(value, null, 2);
  made.tabIndex = 0;
  return made;
}

function nameOf(reference) {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

/** A link to a schema. */
function link(reference) {
  const made = element("a", nameOf(reference));
  made.href = `#schema-${nameOf(reference)}`;
  return made;
}

/** What kind of value a schema describes, in a few words, with links to other schemas. */
function kind(schema) {
  if (schema.$ref) return [link(schema.$ref)];
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.flatMap((choice, index) => (index ? [" or ", ...kind(choice)] : kind(choice)));
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(", ")];
  if (schema.type === "array" && schema.items) return ["array of ", ...kind(schema.items)];
  const limits = [];
  const words = {
    minimum: "from", exclusiveMinimum: "above", maximum: "to", exclusiveMaximum: "below",
    minLength: "at least", maxLength: "at most",
  };
  for (const [key, word] of Object.entries(words)) {
    if (key in schema) limits.push(`${word} ${schema[key]}${key.endsWith("Length") ? " characters" : ""}`);
  }
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type || "any value";
  return [limits.length ? `${type}, ${limits.join(", ")}` : type];
}

function fields(schema) {
  const table = element("table");
  const required = new Set(schema.required || []);
  table.append(element("tr", element("th", "field"), element("th", "value"), element("th", "")));
  for (const [name, value] of Object.entries(schema.properties || {})) {
    const note = required.has(name) ? "required"
      : value.default === undefined || value.default === null ? "" : `default ${JSON.stringify(value.default)}`;
    table.append(element("tr", element("td", code(name)), element("td", ...kind(value)),
      element("td", [value.description, note].filter(Boolean).join("; "))));
  }
  return table;
}

function media(content) {
  const parts = [];
  for (const [type, body] of Object.entries(content || {})) {
    parts.push(element("p", code(type), ": ", ...kind(body.schema || {})));
    for (const [name, example] of Object.entries(body.examples || {})) {
      parts.push(element("p", `${name}:`), json(example.value));
    }
  }
  return parts;
}

function responses(spec, operation) {
  const parts = [element("h3", "Answers")];
  const table = element("table");
  for (const [status, stated] of Object.entries(operation.responses || {})) {
    const response = stated.$ref ? spec.components.responses[nameOf(stated.$ref)] : stated;
    table.append(element("tr", element("td", code(status)), element("td", response.description || "")));
    if (status.startsWith("2")) parts.push(...media(response.content));
  }
  return [...parts, table];
}

function operationOf(spec, method, path, operation) {
  const made = element("details",
    element("summary", code(`${method.toUpperCase()} ${path}`), ` ${operation.summary || ""}`));
  if (operation.description) made.append(element("p", operation.description));
  if (operation.parameters) {
    const table = element("table");
    for (const each of operation.parameters) {
      table.append(element("tr", element("td", code(each.name), ` (${each.in})`),
        element("td", ...kind(each.schema || {})), element("td", each.description || "")));
    }
    made.append(element("h3", "Parameters"), table);
  }
  if (operation.requestBody) made.append(element("h3", "Body"), ...media(operation.requestBody.content));
  made.append(...responses(spec, operation));
  return made;
}

function schemaOf(name, schema) {
  const made = element("details", element("summary", code(name)));
  made.id = `schema-${name}`;
  if (schema.description) made.append(element("p", schema.description));
  made.append(fields(schema));
  return made;
}

function show(spec) {
  const parts = [element("p", spec.info.description || "")];
  const tags = new Map();
  for (const [path, operations] of Object.entries(spec.paths)) {
    for (const method of METHODS.filter((each) => each in operations)) {
      const tag = (operations[method].tags || ["Other"])[0];
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push(operationOf(spec, method, path, operations[method]));
    }
  }
  for (const [tag, made] of tags) parts.push(element("h2", tag), ...made);
  parts.push(element("h2", "Schemas"));
  for (const [name, schema] of Object.entries(spec.components.schemas || {})) parts.push(schemaOf(name, schema));
  return parts;
}

/** A schema that an address names is open. */
function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
}

async function start() {
  const main = document.getElementById("reference");
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
    main.replaceChildren(...show(await answer.json()));
    openNamed();
  } catch (error) {
    main.replaceChildren(element("p", `The reference could not be loaded. ${error.message}`));
  }
  main.setAttribute("aria-busy", "false");
}

addEventListener("hashchange", openNamed);
start();
