import { signAws } from "@weft/adapters/aws/sign";
import { egress } from "@weft/adapters/egress/http";
import { kmsSealer } from "@weft/adapters/seal/kms";
import type { CredentialDeps } from "@weft/core/credential/credential.deps";

/** The one way out of this process for requests that a user's data decides. */
export const web = egress({ allowLoopback: process.env.WEFT_EGRESS_LOOPBACK === "allow" });

/** Seals and opens every secret of this process. */
export const sealer = kmsSealer();

/** What credentials use of the world. */
export const credentialDeps: CredentialDeps = { sealer, http: web, signAws };
