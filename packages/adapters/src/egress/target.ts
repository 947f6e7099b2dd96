import type { LookupAddress } from "node:dns";
import { isIP } from "node:net";
import { isLoopback, refusalOf } from "./address.ts";
import { refused, unreachable } from "./failure.ts";
import type { Network } from "./network.ts";

const MAX_URL = 8192;
/** DNS: characters of a name and of one label of it (RFC 1035). */
const MAX_NAME = 253;
const LABEL = /^[a-z0-9_-]{1,63}$/;
/** Addresses of one name that are tried; all of them are checked. */
const MAX_ADDRESSES = 8;

/** Names of this machine and of networks that are not the public one (RFC 6761, 6762, 8375; ICANN's reserved names). */
const LOCAL_NAMES = /(^|\.)(localhost|localdomain|local|internal|intranet|private|lan|home|corp|home\.arpa|onion)$/;
const METADATA_NAMES = /^(metadata\.google\.internal|metadata\.goog|instance-data(\.ec2\.internal)?)$/;

/**
 * Ports of services that take a request for commands of their own: what browsers refuse (Fetch, "port blocking"), and two
 * stores that read line by line.
 */
const REFUSED_PORTS: ReadonlySet<string> = new Set(
  (
    "0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 " +
    "137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719 " +
    "1720 1723 2049 3659 4045 4190 5060 5061 6000 6379 6566 6665 6666 6667 6668 6669 6679 6697 10080 11211"
  ).split(" "),
);

/** Where a request goes: its URL's host, with the addresses that were checked. */
export interface Target {
  url: URL;
  /** Without brackets and the root's dot. */
  host: string;
  port: number;
  addresses: LookupAddress[];
}

/** A URL that may be asked, of a text or of a `Location` beside `base`. Throws NodeError `invalid_url`. */
export function parseUrl(text: string, base?: URL): URL {
  if (text.length > MAX_URL) throw refused("invalid_url", `the URL is longer than ${MAX_URL} characters`, "length");
  // What parsers read differently would be one URL here and another one elsewhere.
  if (/\p{Cc}/u.test(text)) throw refused("invalid_url", "control characters in a URL", "control_character");
  if (/^[^?#]*\\/.test(text)) throw refused("invalid_url", "a backslash in a URL", "backslash");
  if (!URL.canParse(text, base?.href)) throw refused("invalid_url", "not a URL", "syntax");
  const url = new URL(text, base);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused("invalid_url", `scheme ${url.protocol} is not allowed`, "scheme");
  }
  if (url.username !== "" || url.password !== "") {
    throw refused("invalid_url", "credentials in a URL are not allowed", "credentials");
  }
  return url;
}

/**
 * Resolves a URL's host, once, and checks every address that it has. Throws NodeError `invalid_url`, `address_refused` with
 * the reason in its details, `unreachable`.
 */
export async function resolveTarget(url: URL, network: Network, allowLoopback: boolean): Promise<Target> {
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  if (REFUSED_PORTS.has(String(port))) throw refused("address_refused", `port ${port} is not allowed`, "port");
  const family = isIP(host);
  if (family === 0) checkName(host, allowLoopback);
  const found = family === 0 ? await lookUp(host, network) : [{ address: host, family }];
  for (const { address } of found) {
    if (allowLoopback && isLoopback(address)) continue;
    const reason = refusalOf(address);
    if (reason !== undefined) throw refused("address_refused", `${host} is not a public address: ${reason}`, reason);
  }
  return { url, host, port, addresses: found.slice(0, MAX_ADDRESSES) };
}

function checkName(host: string, allowLoopback: boolean): void {
  const labels = host.split(".");
  if (host.length > MAX_NAME || labels.some((label) => !LABEL.test(label))) {
    throw refused("invalid_url", "the URL's host is not a name", "host");
  }
  if (METADATA_NAMES.test(host)) throw refused("address_refused", `${host} is not a public name: metadata`, "metadata");
  if (allowLoopback && labels.at(-1) === "localhost") return;
  // A name of one label is completed by the machine's own domain.
  if (LOCAL_NAMES.test(host) || labels.length === 1) {
    throw refused("address_refused", `${host} is not a public name: local_name`, "local_name");
  }
}

async function lookUp(host: string, network: Network): Promise<LookupAddress[]> {
  const found = await network.lookup(host).catch((cause: unknown) => {
    throw unreachable(`${host} cannot be resolved`, "resolve", cause);
  });
  if (found.length === 0) throw unreachable(`${host} has no address`, "resolve");
  return found;
}
