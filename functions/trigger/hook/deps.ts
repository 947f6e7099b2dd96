import { jwtVerifier } from "@weft/adapters/jwt/verify";
import type { ProofDeps } from "@weft/core/trigger/webhook.auth";
import { sealer, web } from "../../outbound.ts";

/** What proving a caller takes. */
export const proofDeps: ProofDeps = { sealer, jwt: jwtVerifier({ http: web }) };
