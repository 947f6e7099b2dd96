import { record, text } from "../import/builder.ts";
import { unbound } from "../import/unbound.ts";
import type { NodeContext } from "./context.ts";

/** What n8n's first request node calls its ways to sign, and the credential's type. */
const FIRST: Readonly<Record<string, string>> = {
  basicAuth: "httpBasicAuth",
  digestAuth: "httpDigestAuth",
  headerAuth: "httpHeaderAuth",
  queryAuth: "httpQueryAuth",
  oAuth1: "oAuth1Api",
  oAuth2: "oAuth2Api",
};

function typeOf(parameters: Record<string, unknown>): string | undefined {
  const how = text(parameters.authentication);
  if (how === undefined || how === "none") return undefined;
  if (how === "predefinedCredentialType") return text(parameters.nodeCredentialType) ?? "credential";
  if (how === "genericCredentialType") return text(parameters.genericAuthType) ?? "credential";
  return Object.hasOwn(FIRST, how) ? FIRST[how] : how;
}

/** The credential that a request is signed with: the one that is bound here, else a word that keeps its place. */
export function credentialFor(context: NodeContext): string | undefined {
  const type = typeOf(context.node.parameters);
  if (type === undefined) return undefined;
  const own = record(record(context.node.raw.credentials)[type]);
  const names = [text(own.id), text(own.name), type].filter(
    (name): name is string => name !== undefined && name !== "",
  );
  const { credentials } = context.bindings;
  const bound = names.find((name) => Object.hasOwn(credentials, name));
  if (bound !== undefined) return credentials[bound];
  const [externalId = type] = names;
  const named = text(own.name) === undefined ? "" : ` ("${text(own.name)}")`;
  context.notes.change(
    `its credential ${externalId}${named} of type ${type} is not bound: name it in \`bindings.credentials\``,
  );
  context.notes.credentials.push({ externalId, type, ...(text(own.name) ? { name: text(own.name) as string } : {}) });
  return unbound(type, externalId);
}
