import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import type { AwsSigner } from "@weft/core/credential/types/type";

/** The hash that the signer wants: `update` and `digest` over Node's own. */
class Sha256 {
  readonly #make: () => Hash | Hmac;
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#make = () => (secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret)));
    this.#hash = this.#make();
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {
    this.#hash = this.#make();
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === "string") return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Signs a request with Signature Version 4: its own headers stay, those of the signature are added. */
export const signAws: AwsSigner = async (request, keys, { region, service, now }) => {
  // Few requests are signed: the others start without this package.
  const { SignatureV4 } = await import("@smithy/signature-v4");
  const url = new URL(request.url);
  const query: Record<string, string | string[]> = {};
  for (const name of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(name);
    query[name] = values.length === 1 ? (values[0] ?? "") : values;
  }
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const signer = new SignatureV4({
    region,
    service,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    sha256: Sha256,
    // S3 alone takes paths as they stand.
    uriEscapePath: service !== "s3",
  });
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      path: url.pathname,
      query,
      headers: { ...request.headers, host: url.host },
      ...(request.body === undefined ? {} : { body: request.body }),
    },
    { signingDate: new Date(now) },
  );
  const { host: _host, ...headers } = signed.headers;
  // What is signed is the query in its strict encoding: it has to be what is sent.
  const text = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((one) => [strict(name), strict(one)]),
  );
  url.search = text.map((pair) => pair.join("=")).join("&");
  return { ...request, url: url.href, headers };
};

function strict(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
