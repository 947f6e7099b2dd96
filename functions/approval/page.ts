import type { LinkedApproval } from "@weft/core/approval/approval.link";
import type { Field } from "@weft/engine/plan";
import { type Reply, text } from "@weft/http/reply";

/** Nothing is loaded and nothing runs; the form goes back to where it came from, and the address to nobody. */
const HEADERS = {
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};

/** Names of the form's values that approvers fill in, so that none passes for a value of the page's own. */
const FIELD = "field.";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const safe = (value: string): string => value.replace(/[&<>"']/g, (char) => ENTITIES[char] as string);

/** Shows the approval with its form. It decides nothing: programs that look after mail follow links. */
export function askPage({ row, ask }: LinkedApproval, status = 200, problem?: string): Reply<never> {
  const title = row.title || "A decision is needed";
  const reason = ask.needsComment ? "Comment (needed to reject)" : "Comment";
  const parts = [
    `<h1>${safe(title)}</h1>`,
    ...(problem === undefined ? [] : [`<p role="alert"><strong>${safe(problem)}</strong></p>`]),
    ...ask.message.split(/\r?\n/).map((line) => `<p>${safe(line)}</p>`),
    ...(row.timeoutAt === undefined ? [] : [`<p>Until ${safe(row.timeoutAt)}.</p>`]),
    // Without an action a form goes to its own address, whatever stands before the path.
    '<form method="post" autocomplete="off">',
    ...ask.fields.map(fieldOf),
    `<p><label>${reason}<br><textarea name="comment" rows="3" cols="60" maxlength="10000"></textarea></label></p>`,
    '<p><button name="decision" value="approve">Approve</button> <button name="decision" value="reject">Reject</button></p>',
    "</form>",
  ];
  return page(status, title, parts.join("\n"));
}

/** Says how it went, in words of our own. */
export function wordsPage(status: number, words: string): Reply<never> {
  return page(status, "Approval", `<p>${safe(words)}</p>`);
}

function fieldOf({ name, type, required, description, default: preset }: Field): string {
  const key = safe(FIELD + name);
  const label = `${safe(name)}${required ? " (needed to approve)" : ""}${description ? `: ${safe(description)}` : ""}`;
  const value =
    preset === undefined || preset === null ? "" : typeof preset === "string" ? preset : JSON.stringify(preset);
  return `<p><label>${label}<br>${control(type.type, key, value)}</label></p>`;
}

function control(type: Field["type"]["type"], key: string, value: string): string {
  if (type === "boolean") {
    const options = ["", "true", "false"].map(
      (option) =>
        `<option value="${option}"${option === value ? " selected" : ""}>${option === "" ? "–" : option}</option>`,
    );
    return `<select name="${key}">${options.join("")}</select>`;
  }
  if (type === "integer") return `<input name="${key}" inputmode="numeric" value="${safe(value)}">`;
  if (type === "number") return `<input name="${key}" inputmode="decimal" value="${safe(value)}">`;
  if (type === "string") return `<input name="${key}" value="${safe(value)}">`;
  return `<textarea name="${key}" rows="3" cols="60">${safe(value)}</textarea>`;
}

/** What a person filled in, by the names of the fields. What was left empty was not given. */
export function formValues(body: Readonly<Record<string, string>>): Record<string, unknown> {
  const given = Object.entries(body).filter(([name, value]) => name.startsWith(FIELD) && value !== "");
  return Object.fromEntries(given.map(([name, value]) => [name.slice(FIELD.length), value]));
}

function page(status: number, title: string, body: string): Reply<never> {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${safe(title)}</title>`;
  const html = `<!doctype html><html lang="en"><head>${head}</head><body>\n${body}\n</body></html>\n`;
  return text(html, "text/html; charset=utf-8", { status, headers: HEADERS });
}
