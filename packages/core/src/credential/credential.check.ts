import { getLive } from "@weft/db/change";
import { type HttpRequest, NodeError } from "@weft/engine/node";
import type { Ctx } from "@weft/kernel/ctx";
import { SecretMask } from "@weft/kernel/mask";
import type { CredentialDeps } from "./credential.deps.ts";
import { open } from "./credential.open.ts";
import { sendWith } from "./credential.request.ts";
import type { CredentialId, CredentialTest } from "./credential.schema.ts";
import { target } from "./credential.service.ts";

const TIMEOUT_MS = 15_000;
const MAX_BYTES = 4 * 1024 * 1024;
const FIRST_REFUSAL = 400;

/**
 * Tries a credential: its test URL, or what its type asks of its own. The answer says how it went and never what the
 * other side said.
 */
export async function test(
  ctx: Ctx,
  deps: CredentialDeps,
  { credentialId }: { credentialId: CredentialId },
): Promise<CredentialTest> {
  const row = await getLive(ctx, target(ctx, credentialId));
  try {
    const credential = await open(ctx, deps, row);
    const { type } = credential;
    const probe = type.probe?.(credential.data);
    const url = row.testUrl ?? probe?.url;
    if (!type.apply) return result("unsupported", null, `credentials of type ${type.type} cannot be tried here`);
    if (url === undefined) return result("unsupported", null, "the credential has no test URL");
    const tried = row.testUrl === undefined && probe ? { ...credential, allowedHosts: probe.hosts } : credential;
    const { status } = await sendWith(ctx, deps, tried, get(url), new SecretMask());
    return status < FIRST_REFUSAL
      ? { ...result("succeeded", null, "the credential was accepted"), statusCode: status }
      : { ...result("failed", "refused", `the test URL answered ${status}`), statusCode: status };
  } catch (thrown) {
    if (thrown instanceof NodeError) return result("failed", thrown.code, thrown.message);
    throw thrown;
  }
}

function get(url: string): HttpRequest {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return { method: "GET", url, headers: {}, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, signal };
}

function result(status: CredentialTest["status"], code: string | null, message: string): CredentialTest {
  return { status, code, message, statusCode: null };
}
