/** `*`, `api.example.com`, `*.example.com`, each with a port and with `http://` where it is not HTTPS. */
const HOST_PATTERN =
  /^(?:\*|(https?:\/\/)?((?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(\d{1,5}))?)$/;

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "https:": "443", "http:": "80" };

/** Whether a text is a pattern of hosts. Patterns are in lower case. */
export function isHostPattern(text: string): boolean {
  return text.length <= 300 && HOST_PATTERN.test(text);
}

/** The pattern of one URL's own origin. */
export function hostPatternOf(url: URL): string {
  const port = url.port === "" ? "" : `:${url.port}`;
  return `${url.protocol === "http:" ? "http://" : ""}${url.hostname}${port}`;
}

/**
 * Whether a URL's host is one of these. A pattern without a scheme means HTTPS, one without a port the scheme's own; `*`
 * is every host over HTTPS, and `*.example.com` every name below `example.com` but not that name itself.
 */
export function isAllowedHost(url: URL, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matches(url, pattern));
}

function matches(url: URL, pattern: string): boolean {
  if (pattern === "*") return url.protocol === "https:";
  const [, scheme = "https://", host = "", port] = HOST_PATTERN.exec(pattern) ?? [];
  const protocol = scheme.slice(0, -2);
  if (host === "" || url.protocol !== protocol) return false;
  const wanted = port ?? DEFAULT_PORTS[protocol];
  if ((url.port === "" ? DEFAULT_PORTS[url.protocol] : url.port) !== wanted) return false;
  // A name may end in the root's dot.
  const name = url.hostname.replace(/\.$/, "");
  return host.startsWith("*.") ? name.endsWith(host.slice(1)) && name.length > host.length - 1 : name === host;
}
