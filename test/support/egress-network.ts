import type { LookupAddress } from "node:dns";
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, isIP, type Socket } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { egress } from "@weft/adapters/egress/http";
import type { Network } from "@weft/adapters/egress/network";
import type { HttpRequest, HttpResponse } from "@weft/engine/node";
import { expect } from "vitest";

/** Of `example.com`, the names below it and 198.41.0.4; it certifies itself and is good for nothing else. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIT6Qh7p6wFObd6bo
ElDaXZ5d8GFSq1FudorKtb20+TyhRANCAARxXrS8e3i2wq29HZod38CY1PCK3SXI
WTmRWAiLyxgDEqwonKRfRfgbajfHunEdsBIS94JsPz9itNeqcjoDaNNI
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBfDCCASKgAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtlZ3Jlc3Mg
dGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
AwwLZWdyZXNzIHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARxXrS8e3i2
wq29HZod38CY1PCK3SXIWTmRWAiLyxgDEqwonKRfRfgbajfHunEdsBIS94JsPz9i
tNeqcjoDaNNIo18wXTAPBgNVHRMBAf8EBTADAQH/MCsGA1UdEQQkMCKCDSouZXhh
bXBsZS5jb22CC2V4YW1wbGUuY29thwTGKQAEMB0GA1UdDgQWBBRR3i6j5DstNkwS
oqSvNmor55uWMzAKBggqhkjOPQQDAgNIADBFAiBtvFEwxxRJ/IsRC5qNiBm3A+yR
ssYDrMsW1pL3iZEgFAIhAOz/y83K3M1T50iQfalqdd+eXHSf83X2lJSGCCG4s5on
-----END CERTIFICATE-----`;

/** Lets this process believe the test server's certificate. */
export function trustTestServer(): void {
  setDefaultCACertificates([...getCACertificates("default"), CERTIFICATE]);
}

export interface Dial {
  addresses: string[];
  port: number;
}

/** An internet of one server, which is behind every address: what was looked up and dialled is written down. */
export interface TestNetwork extends Network {
  lookups: string[];
  dials: Dial[];
  sockets: Socket[];
  /** Requests as they arrived, with the scheme that they came by. */
  seen: { scheme: string; request: IncomingMessage; body: Promise<string> }[];
  /** Answers of a name, one look-up after the other; the last one stays. Names that are not here have 93.184.215.14. */
  names: Record<string, string[][]>;
  answer: RequestListener;
  reset(): void;
  close(): Promise<void>;
}

export const PUBLIC_V4 = "93.184.215.14";

export async function startNetwork(): Promise<TestNetwork> {
  const listen = (server: Server) =>
    new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  const handle =
    (scheme: string): RequestListener =>
    (request, response) => {
      const body = text(request);
      network.seen.push({ scheme, request, body });
      network.answer(request, response);
    };
  const plain = createServer(handle("http"));
  const tls = createTlsServer({ key: KEY, cert: CERTIFICATE }, handle("https"));
  const [plainPort, tlsPort] = await Promise.all([listen(plain), listen(tls)]);
  const here: RequestListener = (_request, response) => void response.end("here");
  const network: TestNetwork = {
    lookups: [],
    dials: [],
    sockets: [],
    seen: [],
    names: {},
    answer: here,
    async lookup(host): Promise<LookupAddress[]> {
      network.lookups.push(host);
      const answers = network.names[host] ?? [[PUBLIC_V4]];
      const turn = network.lookups.filter((name) => name === host).length - 1;
      const addresses = answers[Math.min(turn, answers.length - 1)] ?? [];
      return addresses.map((address) => ({ address, family: isIP(address.split("%")[0] ?? "") }));
    },
    connect(addresses, port) {
      network.dials.push({ addresses: addresses.map(({ address }) => address), port });
      const socket = connect(port === 443 || port === 8443 ? tlsPort : plainPort, "127.0.0.1");
      network.sockets.push(socket);
      return socket;
    },
    reset() {
      for (const list of [network.lookups, network.dials, network.sockets, network.seen]) list.length = 0;
      network.names = {};
      network.answer = here;
    },
    async close() {
      for (const server of [plain, tls]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return network;
}

async function text(request: IncomingMessage): Promise<string> {
  let read = "";
  try {
    for await (const chunk of request.setEncoding("utf8")) read += chunk;
  } catch {
    // The client left.
  }
  return read;
}

/** Asks a URL through the client, over this network. */
export function askThrough(
  network: Network,
  url: string,
  rest: Partial<HttpRequest> = {},
  allowLoopback = false,
): Promise<HttpResponse> {
  return egress({ network, allowLoopback }).request({ ...requestFor(url), ...rest });
}

export function requestFor(url: string): HttpRequest {
  return { method: "GET", url, headers: {}, timeoutMs: 20_000, maxBytes: 10_000, signal: new AbortController().signal };
}

/** Why a request was refused for good: its code, and the reason where that has several. */
export async function reasonOf(asked: Promise<unknown>): Promise<string> {
  const failure = await asked.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(failure).toMatchObject({ name: "NodeError", retryable: false });
  return `${failure.code} ${failure.details?.reason ?? ""}`.trim();
}
