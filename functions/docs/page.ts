const style = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--get:#0a7;--post:#27c;--put:#a60;--patch:#a60;--delete:#c33}
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:16rem 1fr;min-height:100vh}
nav{border-right:1px solid var(--line);padding:1rem;position:sticky;top:0;height:100vh;overflow:auto}
nav a{display:block;color:inherit;text-decoration:none;padding:.15rem 0}nav a:hover{text-decoration:underline}
main{padding:1rem 2rem;max-width:70rem;min-width:0}h1{margin:0 0 .5rem}h2{margin:2rem 0 .5rem;text-transform:capitalize}
input,textarea{font:inherit;width:100%;padding:.35rem;border:1px solid var(--line);border-radius:4px;background:transparent;color:inherit}
textarea{font-family:ui-monospace,monospace;min-height:7rem}
details{border:1px solid var(--line);border-radius:6px;margin:.4rem 0}summary{cursor:pointer;padding:.5rem .75rem;display:flex;gap:.75rem;flex-wrap:wrap}
.body{padding:.25rem 1rem 1rem;border-top:1px solid var(--line)}.body>p{white-space:pre-line}
.m{font:600 12px/1.8 ui-monospace,monospace;width:4.2rem;text-align:center;color:#fff;border-radius:4px}
.m.get{background:var(--get)}.m.post{background:var(--post)}.m.put{background:var(--put)}.m.patch{background:var(--patch)}.m.delete{background:var(--delete)}
code,pre{font-family:ui-monospace,monospace;font-size:13px}pre{background:var(--soft);padding:.6rem;border-radius:4px;overflow:auto;max-height:30rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
button{font:inherit;padding:.35rem 1rem;border-radius:4px;border:1px solid var(--line);cursor:pointer;margin:.5rem 0}
small{opacity:.75}@media(max-width:50rem){body{display:block}nav{position:static;height:auto;border:0}}`;

const script = `
const base = location.pathname.replace(/\\/?docs\\/?$/, "");
const el = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
let spec;
const resolve = (schema) => schema && schema.$ref ? spec.components.schemas[schema.$ref.split("/").pop()] : schema;
const typeName = (schema) => {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const any = schema.anyOf || schema.oneOf;
  if (any) return any.map(typeName).join(" | ");
  if (schema.type === "array") return typeName(schema.items) + "[]";
  return Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type || "any";
};
const example = (schema, depth = 0) => {
  const s = resolve(schema) || {};
  if (depth > 5) return null;
  if (s.example !== undefined) return s.example;
  if (s.examples && s.examples.length) return s.examples[0];
  if (s.default !== undefined) return s.default;
  if (s.const !== undefined) return s.const;
  if (s.enum) return s.enum[0];
  if (s.anyOf || s.oneOf) return example((s.anyOf || s.oneOf)[0], depth + 1);
  if (s.allOf) return Object.assign({}, ...s.allOf.map((part) => example(part, depth + 1)));
  const type = Array.isArray(s.type) ? s.type[0] : s.type;
  if (type === "object") {
    const names = (s.required || []).filter((name) => s.properties && s.properties[name]);
    return Object.fromEntries(names.map((name) => [name, example(s.properties[name], depth + 1)]));
  }
  if (type === "array") return [];
  return { string: s.format === "email" ? "ada@example.com" : "", integer: s.minimum || 0, number: 0, boolean: false }[type] ?? null;
};
const fields = (schema, depth = 0) => {
  const s = resolve(schema);
  if (!s || depth > 3) return null;
  if (s.type === "array") return fields(s.items, depth);
  if (!s.properties) return null;
  const rows = Object.entries(s.properties).map(([name, field]) => {
    const target = resolve(field) || {};
    const limits = ["minLength", "maxLength", "minimum", "maximum", "pattern", "format", "default"]
      .filter((key) => target[key] !== undefined).map((key) => key + " " + JSON.stringify(target[key])).join(", ");
    const text = el("td", {}, el("div", { textContent: target.description || "" }), el("small", { textContent: limits }));
    const inner = field.$ref || target.type === "object" || target.type === "array" ? fields(field, depth + 1) : null;
    if (inner) text.append(inner);
    return el("tr", {}, el("td", {}, el("code", { textContent: name + ((s.required || []).includes(name) ? " *" : "") })),
      el("td", {}, el("code", { textContent: typeName(field) })), text);
  });
  return el("table", {}, ...rows);
};
const tryOut = (method, path, operation) => {
  const inputs = (operation.parameters || []).map((parameter) => {
    const input = el("input", { placeholder: parameter.required ? "required" : "optional", ariaLabel: parameter.name });
    return { parameter, input };
  });
  const json = operation.requestBody && operation.requestBody.content["application/json"];
  const body = json ? el("textarea", { value: JSON.stringify(example(json.schema), null, 2), ariaLabel: "body" }) : null;
  const out = el("pre", { hidden: true });
  const send = el("button", { textContent: "Send" });
  send.onclick = async () => {
    let url = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { parameter, input } of inputs) {
      if (parameter.in === "path") url = url.replace("{" + parameter.name + "}", encodeURIComponent(input.value));
      else if (input.value !== "" && parameter.in === "query") query.append(parameter.name, input.value);
      else if (input.value !== "") headers[parameter.name] = input.value;
    }
    const token = document.getElementById("token").value.trim();
    if (token) headers.Authorization = "Bearer " + token;
    if (body) headers["Content-Type"] = "application/json";
    out.hidden = false;
    out.textContent = "…";
    try {
      const text = query.toString();
      const answer = await fetch(base + url + (text ? "?" + text : ""), { method: method.toUpperCase(), headers, body: body ? body.value : undefined });
      out.textContent = answer.status + " " + answer.statusText + "\\n\\n";
      const reader = answer.body ? answer.body.pipeThrough(new TextDecoderStream()).getReader() : null;
      let all = "";
      for (let part = reader && (await reader.read()); part && !part.done; part = await reader.read()) {
        all += part.value;
        out.append(part.value);
      }
      if ((answer.headers.get("content-type") || "").includes("application/json") && all)
        out.textContent = answer.status + " " + answer.statusText + "\\n\\n" + JSON.stringify(JSON.parse(all), null, 2);
    } catch (error) {
      out.textContent = String(error);
    }
  };
  const rows = inputs.map(({ parameter, input }) => el("tr", {}, el("td", {}, el("code", { textContent: parameter.name + (parameter.required ? " *" : "") })),
    el("td", {}, el("small", { textContent: parameter.in + ", " + typeName(parameter.schema) })), el("td", {}, input)));
  return [rows.length ? el("table", {}, ...rows) : null, body, send, out];
};
const operationView = (method, path, operation) => {
  const view = el("details", { id: operation.operationId }, el("summary", {}, el("span", { className: "m " + method, textContent: method.toUpperCase() }),
    el("code", { textContent: path }), el("span", { textContent: operation.summary || "" })));
  view.addEventListener("toggle", () => {
    if (!view.open || view.querySelector(".body")) return;
    const json = operation.requestBody && operation.requestBody.content["application/json"];
    const answers = Object.entries(operation.responses).map(([status, response]) => {
      const content = response.content && response.content["application/json"];
      return el("tr", {}, el("td", {}, el("code", { textContent: status })), el("td", { textContent: response.description }),
        el("td", {}, el("code", { textContent: content ? typeName(content.schema) : Object.keys(response.content || {}).join(", ") }),
          status < "300" && content ? fields(content.schema) : null));
    });
    view.append(el("div", { className: "body" }, operation.description ? el("p", { textContent: operation.description }) : null,
      el("p", {}, el("small", { textContent: operation.operationId + " · permission: " + operation["x-permission"] })),
      json ? el("h4", { textContent: "Body: " + typeName(json.schema) }) : null, json ? fields(json.schema) : null,
      el("h4", { textContent: "Answers" }), el("table", {}, ...answers), el("h4", { textContent: "Try it" }), ...tryOut(method, path, operation)));
  });
  return view;
};
const start = async () => {
  spec = await (await fetch(base + "/openapi.json")).json();
  const groups = new Map();
  for (const [path, item] of Object.entries(spec.paths))
    for (const [method, operation] of Object.entries(item)) {
      const tag = (operation.tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationView(method, path, operation));
    }
  document.getElementById("title").textContent = spec.info.title;
  document.getElementById("about").textContent = spec.info.description || "";
  for (const [tag, views] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    document.getElementById("tags").append(el("a", { href: "#tag-" + tag, textContent: tag }));
    document.getElementById("operations").append(el("section", {}, el("h2", { id: "tag-" + tag, textContent: tag }), ...views));
  }
  document.getElementById("filter").oninput = (event) => {
    const words = event.target.value.toLowerCase();
    for (const view of document.querySelectorAll("main details"))
      view.hidden = !view.querySelector("summary").textContent.toLowerCase().includes(words);
  };
  const target = document.getElementById(location.hash.slice(1));
  if (target) { target.open = true; target.scrollIntoView(); }
};
start().catch((error) => { document.getElementById("about").textContent = String(error); });`;

/** The API reference: one page without anything to fetch but the document that it shows. */
export const page = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Weft API</title><link rel="icon" href="data:,">
<style>${style}</style></head>
<body>
<nav><input id="filter" placeholder="Filter" aria-label="Filter operations"><div id="tags"></div></nav>
<main><h1 id="title">Weft</h1><p id="about"></p>
<p><label>Session token or API key <input id="token" type="password" autocomplete="off" placeholder="sk_…"></label></p>
<div id="operations"></div></main>
<script>${script}</script>
</body>
</html>
`;
