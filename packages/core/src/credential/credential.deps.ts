import type { HttpRequest, HttpResponse } from "@weft/engine/node";
import type { Sealer } from "../platform/sealer.ts";
import type { AwsSigner } from "./types/type.ts";

/** What credentials need of the world; functions wire it. */
export interface CredentialDeps {
  sealer: Sealer;
  http: { request(request: HttpRequest): Promise<HttpResponse> };
  signAws: AwsSigner;
}
