import { createHash } from "node:crypto";
import { parseXml } from "@weft/engine/data/xml";
import { NodeError } from "@weft/engine/node";
import { readPath } from "@weft/engine/values/path";
import * as z from "zod";
import { type ApplyTools, type AwsKeys, defineCredentialType, secretLine, text } from "./type.ts";

const SESSION_NAME = "weft";
/** Keys of a role are fetched again this long before they end. */
const RENEW_BEFORE_MS = 5 * 60_000;
const MAX_ROLES = 200;
/** `service.region.amazonaws.com`, and `service.amazonaws.com` for global ones. */
const AWS_HOST = /^(?:.+\.)?([a-z0-9-]+)\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/;
const GLOBAL_HOST = /^(?:.+\.)?([a-z0-9-]+)\.amazonaws\.com$/;
const GLOBAL_REGION = "us-east-1";

const fields = z.strictObject({
  accessKeyId: text("The key's id").regex(/^[A-Z0-9]{16,128}$/, "is no access key id"),
  secretAccessKey: secretLine("The key"),
  sessionToken: secretLine("Of temporary keys").optional(),
  /** Where the URL's host does not say it. */
  region: text("The region")
    .regex(/^[a-z0-9-]+$/)
    .optional(),
  service: text("The service's name in signatures")
    .regex(/^[a-z0-9-]+$/)
    .optional(),
  /** A role that these keys may assume; requests are signed with its keys. */
  roleArn: text("The role's ARN")
    .regex(/^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, "is no role's ARN")
    .optional(),
  externalId: text("What the role's owner asks for").optional(),
});
type Data = z.output<typeof fields>;

interface RoleKeys extends AwsKeys {
  until: number;
}

const roles = new Map<string, RoleKeys>();

function placeOf(url: string, data: Data): { region: string; service: string } {
  const { hostname } = new URL(url);
  const [, service, region] = AWS_HOST.exec(hostname) ?? [];
  const place = {
    service: data.service ?? service ?? GLOBAL_HOST.exec(hostname)?.[1],
    region: data.region ?? region ?? GLOBAL_REGION,
  };
  if (place.service !== undefined) return { ...place, service: place.service };
  throw new NodeError("invalid_request", `${hostname} does not say the AWS service: name it in the credential`, {
    retryable: false,
  });
}

async function keysOf(data: Data, tools: ApplyTools): Promise<AwsKeys> {
  if (data.roleArn === undefined) return data;
  const { accessKeyId, secretAccessKey, sessionToken, roleArn, externalId } = data;
  const identity = JSON.stringify([accessKeyId, secretAccessKey, sessionToken, roleArn, externalId]);
  const name = createHash("sha256").update(identity).digest("hex");
  const known = roles.get(name);
  if (known && known.until > tools.now()) return known;
  const keys = await assumeRole(data, tools);
  roles.delete(name);
  roles.set(name, keys);
  for (const oldest of roles.keys()) {
    if (roles.size <= MAX_ROLES) break;
    roles.delete(oldest);
  }
  return keys;
}

async function assumeRole(data: Data, tools: ApplyTools): Promise<RoleKeys> {
  const query = new URLSearchParams({
    Action: "AssumeRole",
    Version: "2011-06-15",
    RoleArn: data.roleArn ?? "",
    RoleSessionName: SESSION_NAME,
    ...(data.externalId === undefined ? {} : { ExternalId: data.externalId }),
  });
  const host = data.region === undefined ? "sts.amazonaws.com" : `sts.${data.region}.amazonaws.com`;
  const signed = await tools.signAws(
    { method: "GET", url: `https://${host}/?${query}`, headers: {}, timeoutMs: 0, maxBytes: 0, signal: NEVER },
    data,
    { service: "sts", region: data.region ?? GLOBAL_REGION, now: tools.now() },
  );
  const answer = await tools.send(signed, [host]);
  if (answer.status !== 200) {
    throw new NodeError("role_refused", `the role cannot be assumed: AWS answered ${answer.status}`, {
      retryable: answer.status >= 500,
    });
  }
  const form = { attributePrefix: "@", textName: "#", alwaysList: false, trim: true, attributes: false };
  const found = readPath(await parseXml(answer.text, form), ["AssumeRoleResponse", "AssumeRoleResult", "Credentials"]);
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials.parse(found);
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    until: Date.parse(Expiration) - RENEW_BEFORE_MS,
  };
}

const Credentials = z.object({
  AccessKeyId: z.string(),
  SecretAccessKey: z.string(),
  SessionToken: z.string(),
  Expiration: z.string(),
});
const NEVER = new AbortController().signal;

export const aws = defineCredentialType({
  type: "aws",
  title: "AWS",
  description: "Access keys, which may assume a role. Requests are signed with Signature Version 4.",
  fields,
  secrets: ["secretAccessKey", "sessionToken"],
  hosts: () => ["*.amazonaws.com"],
  probe: ({ region }) => {
    const host = region === undefined ? "sts.amazonaws.com" : `sts.${region}.amazonaws.com`;
    return { url: `https://${host}/?Action=GetCallerIdentity&Version=2011-06-15`, hosts: [host] };
  },
  async apply(request, data, tools) {
    const keys = await keysOf(data, tools);
    const signed = await tools.signAws(request, keys, { ...placeOf(request.url, data), now: tools.now() });
    const secretHeaders = [...(signed.secretHeaders ?? []), "authorization", "x-amz-security-token"];
    return {
      request: { ...signed, secretHeaders },
      secrets: [keys.secretAccessKey, ...(keys.sessionToken === undefined ? [] : [keys.sessionToken])],
    };
  },
});
