import type { HttpRequest } from "@weft/engine/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  askThrough,
  PUBLIC_V4,
  reasonOf,
  startNetwork,
  type TestNetwork,
  trustTestServer,
} from "../support/egress-network.ts";

let network: TestNetwork;
beforeAll(async () => {
  network = await startNetwork();
  trustTestServer();
});
beforeEach(() => network.reset());
afterAll(() => network.close());

const ask = (url: string, rest?: Partial<HttpRequest>, allowLoopback?: boolean) =>
  askThrough(network, url, rest, allowLoopback);

/** Hosts of a URL, each with why it is refused. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  loopback: [
    "127.0.0.1",
    "127.255.255.254",
    // The same in other numbers.
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7F.1",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "127.0x0.0.01",
    "0177.1",
    "00000177.0.0.1",
    "127.0.0.1.",
    // In other letters.
    "%31%32%37%2e%30%2e%30%2e%31",
    "127%2E0%2E0%2E1",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127．0｡0。1",
    "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
    "12\u00ad7.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::0001]",
    "[::0.0.0.1]",
  ],
  unspecified: ["0.0.0.0", "0", "0x0", "00.0", "0.255.1.2", "[::]", "[0::0]", "[::0.0.0.0]"],
  private: [
    "10.0.0.0",
    "10.255.255.255",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "10.1",
    "172.16.0.1",
    "172.31.255.255",
    "0254.020.0.1",
    "192.168.0.1",
    "3232235777",
    "0xc0.0xa8.1.1",
    "192.168.257",
    "[fc00::1]",
    "[fdff:ffff::1]",
    "[FD12:3456:789A::1]",
  ],
  shared: ["100.64.0.1", "100.127.255.255", "0x64400001"],
  link_local: ["169.254.0.1", "169.254.255.255", "169.254.100.1", "[fe80::1]", "[febf::1]"],
  metadata: [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "0xa9.0xfe.43518",
    "169.254.43518",
    "169.0xfe.0251.254",
    "１６９.２５４.１６９.２５４",
    "169.254.169.254.",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "2822734096",
    "192.0.0.192",
    "[fd00:ec2::254]",
    "[FD00:0EC2:0::23]",
    "[fd20:ce::254]",
    "metadata.google.internal",
    "METADATA.google.internal.",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
  ],
  protocol: ["192.0.0.1", "192.0.0.170", "[2001:1::1]", "[2001:1ff::1]", "[2001:20::1]", "[2001:10::1]"],
  documentation: ["192.0.2.1", "198.51.100.7", "203.0.113.255", "[2001:db8::1]", "[3fff::1]", "[3fff:fff::1]"],
  benchmark: ["198.18.0.1", "198.19.255.255", "[2001:2::1]"],
  broadcast: ["255.255.255.255", "4294967295", "0xffffffff"],
  multicast: ["224.0.0.1", "239.255.255.250", "[ff02::1]", "[ff0e::1]"],
  reserved: ["240.0.0.1", "254.1.1.1", "[4000::1]", "[8000::1]", "[200::1]", "[e000::1]"],
  "6to4": ["192.88.99.1", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:808:808::1]"],
  mapped: [
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:10.0.0.1]",
    "[::ffff:8.8.8.8]",
  ],
  translated: ["[::ffff:0:127.0.0.1]", "[::ffff:0:a00:1]"],
  nat64: ["[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::8.8.8.8]", "[64:ff9b:1::a00:1]"],
  compatible: ["[::127.0.0.1]", "[::a9fe:a9fe]", "[::10.0.0.1]"],
  teredo: ["[2001::1]", "[2001:0:7f00:1::]", "[2001:0:4136:e378:8000:63bf:f5ff:fffe]"],
  isatap: ["[2a00:1450::5efe:10.0.0.1]", "[2a00:1450::200:5efe:a9fe:a9fe]", "[2606:4700:0:1:0:5efe:7f00:1]"],
  discard: ["[100::1]", "[100:0:0:1::1]"],
  segment_routing: ["[5f00::1]"],
  site_local: ["[fec0::1]", "[feff::1]"],
  local_name: [
    "localhost",
    "LOCALHOST.",
    "ｌｏｃａｌｈｏｓｔ",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "%6c%6fcalhost",
    "a.localhost",
    "localhost.localdomain",
    "printer.local",
    "db.prod.internal",
    "ip-10-0-0-1.ec2.internal",
    "router.home.arpa",
    "nas.lan",
    "wiki.corp",
    "vault.private",
    "kubernetes",
    "redis",
    "x.onion",
  ],
};

/** Whole URLs that are refused for what they are, without a look-up. */
const URLS: readonly (readonly [reason: string, url: string])[] = [
  ["invalid_url scheme", "file:///etc/passwd"],
  ["invalid_url scheme", "file://localhost/etc/passwd"],
  ["invalid_url scheme", "gopher://example.com:70/_x"],
  ["invalid_url scheme", "ftp://example.com/"],
  ["invalid_url scheme", "data:text/plain,x"],
  ["invalid_url scheme", "javascript:0"],
  ["invalid_url scheme", "dict://example.com/x"],
  ["invalid_url scheme", "ldap://example.com/"],
  ["invalid_url scheme", "ws://example.com/"],
  ["invalid_url scheme", "jar:http://example.com!/"],
  ["invalid_url scheme", "unix:/var/run/docker.sock"],
  ["invalid_url scheme", "http+unix://%2Fvar%2Frun%2Fdocker.sock/"],
  ["invalid_url scheme", "blob:http://example.com/x"],
  ["invalid_url credentials", "http://example.com@127.0.0.1/"],
  ["invalid_url credentials", "http://127.0.0.1:80@example.com/"],
  ["invalid_url credentials", "http://user:pass@example.com/"],
  ["invalid_url credentials", "http://example.com:80%40127.0.0.1@10.0.0.1/"],
  ["invalid_url backslash", "http://example.com\\@127.0.0.1/"],
  ["invalid_url backslash", "http:\\\\127.0.0.1\\"],
  ["invalid_url backslash", "http://127.0.0.1\\.example.com/"],
  ["invalid_url control_character", "http://127.0.0.1\t/"],
  ["invalid_url control_character", "ht\ntp://127.0.0.1/"],
  ["invalid_url control_character", "http://127.0.0.1\r\nHost:x/"],
  ["invalid_url control_character", "\u0001http://127.0.0.1/"],
  ["invalid_url control_character", "http://example.com/\u0000"],
  ["invalid_url syntax", "http://[fe80::1%25eth0]/"],
  ["invalid_url syntax", "http://[fe80::1%eth0]/"],
  ["invalid_url syntax", "http://[::1"],
  ["invalid_url syntax", "http://256.256.256.256/"],
  ["invalid_url syntax", "http://4294967296/"],
  ["invalid_url syntax", "http://0x100000000/"],
  ["invalid_url syntax", "http://1.2.3.4.5/"],
  ["invalid_url syntax", "http://127.0.0.0x100/"],
  ["invalid_url syntax", "http://[::ffff:127.0.0.0x1]/"],
  ["invalid_url syntax", "http://exa mple.com/"],
  ["invalid_url syntax", "http://a%00.example.com/"],
  ["invalid_url syntax", "http://a%2fb.example.com/"],
  ["invalid_url syntax", "http://example.com:65536/"],
  ["invalid_url syntax", "http://"],
  ["invalid_url syntax", "//example.com/"],
  ["invalid_url syntax", "example.com"],
  ["invalid_url syntax", ""],
  ["invalid_url host", "http://example..com/"],
  ["invalid_url host", "http://example.com../"],
  ["invalid_url host", "http://a$b.example.com/"],
  ["invalid_url host", `http://${"a".repeat(64)}.example.com/`],
  ["invalid_url host", `http://${"a.".repeat(125)}example.com/`],
  ["invalid_url length", `http://example.com/${"a".repeat(8_200)}`],
  ["address_refused port", "http://example.com:22/"],
  ["address_refused port", "http://example.com:25/"],
  ["address_refused port", "https://example.com:465/"],
  ["address_refused port", "http://example.com:587/"],
  ["address_refused port", "http://example.com:53/"],
  ["address_refused port", "http://example.com:6379/"],
  ["address_refused port", "http://example.com:11211/"],
  ["address_refused port", "http://example.com:6667/"],
  ["address_refused port", "http://example.com:0/"],
  ["address_refused loopback", "http:127.0.0.1"],
  ["address_refused loopback", "http:/127.0.0.1/"],
  ["address_refused loopback", "http:////127.0.0.1/"],
  ["address_refused loopback", "http://127.0.0.1#@example.com/"],
  ["address_refused loopback", "http://127.0.0.1?@example.com/"],
  ["address_refused metadata", "https://169.254.169.254:8443/latest/meta-data/"],
];

/** What names resolve to, each with why the name is refused. */
const RESOLVED: readonly (readonly [reason: string, ...addresses: string[]])[] = [
  ["loopback", "127.0.0.1"],
  ["loopback", "::1"],
  ["private", "10.1.2.3"],
  ["metadata", "169.254.169.254"],
  ["metadata", "fd00:ec2::254"],
  ["mapped", "::ffff:169.254.169.254"],
  ["nat64", "64:ff9b::7f00:1"],
  ["6to4", "2002:7f00:1::1"],
  ["link_local", "fe80::1%eth0"],
  ["unspecified", "0.0.0.0"],
  // Of several one is enough, wherever it stands.
  ["private", PUBLIC_V4, "192.168.1.1"],
  ["private", "192.168.1.1", PUBLIC_V4],
  ["private", PUBLIC_V4, "2a00:1450:4001::1", "fd12::1"],
  ["loopback", ...Array.from({ length: 20 }, (_, i) => `93.184.215.${i + 1}`), "127.0.0.1"],
  ["no_address", "not an address"],
];

describe("what is refused", () => {
  const forms = Object.entries(ADDRESSES).flatMap(([reason, hosts]) => hosts.map((host) => [reason, host] as const));

  it("is many forms, each once", () => {
    expect(forms.length).toBeGreaterThanOrEqual(120);
    expect(new Set(forms.map(([, host]) => host)).size).toBe(forms.length);
  });

  it.each(forms)("%s: %j", async (reason, host) => {
    for (const url of [`http://${host}/`, `https://${host}:8443/x?y=z`]) {
      expect(await reasonOf(ask(url))).toBe(`address_refused ${reason}`);
    }
    expect([network.lookups, network.dials]).toEqual([[], []]);
  });

  it.each(URLS)("%s: %j", async (reason, url) => {
    expect(await reasonOf(ask(url))).toBe(reason);
    expect([network.lookups, network.dials]).toEqual([[], []]);
  });

  it.each(RESOLVED)("%s: a name of %j", async (reason, ...addresses) => {
    // Names such as `10.0.0.1.nip.io` are public and lead inside.
    network.names["10.0.0.1.nip.io"] = [addresses];
    expect(await reasonOf(ask("https://10.0.0.1.nip.io/"))).toBe(`address_refused ${reason}`);
    expect([network.lookups, network.dials]).toEqual([["10.0.0.1.nip.io"], []]);
  });

  it.each(forms)("%s where loopback is allowed, unless it is loopback: %j", async (reason, host) => {
    const isLocalhost = /^(.+\.)?localhost$/.test(new URL(`http://${host}`).hostname.replace(/\.$/, ""));
    if (reason === "loopback" || isLocalhost) {
      network.names = { localhost: [["127.0.0.1"]], "a.localhost": [["127.0.0.1"]] };
      expect((await ask(`http://${host}/`, {}, true)).status).toBe(200);
    } else {
      expect(await reasonOf(ask(`http://${host}/`, {}, true))).toBe(`address_refused ${reason}`);
      expect(network.dials).toEqual([]);
    }
  });
});

describe("what is let through", () => {
  const long = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.example.com`;
  const allowed: readonly (readonly [url: string, host: string, dialled: string])[] = [
    ["http://1.1.1.1/", "1.1.1.1", "1.1.1.1"],
    ["http://8.8.8.8:8080/", "8.8.8.8:8080", "8.8.8.8"],
    ["http://9.255.255.255/", "9.255.255.255", "9.255.255.255"],
    ["http://11.0.0.0/", "11.0.0.0", "11.0.0.0"],
    ["http://100.63.255.255/", "100.63.255.255", "100.63.255.255"],
    ["http://100.128.0.0/", "100.128.0.0", "100.128.0.0"],
    ["http://126.255.255.255/", "126.255.255.255", "126.255.255.255"],
    ["http://128.0.0.1/", "128.0.0.1", "128.0.0.1"],
    ["http://169.253.255.255/", "169.253.255.255", "169.253.255.255"],
    ["http://169.255.0.0/", "169.255.0.0", "169.255.0.0"],
    ["http://168.63.129.15/", "168.63.129.15", "168.63.129.15"],
    ["http://172.15.255.255/", "172.15.255.255", "172.15.255.255"],
    ["http://172.32.0.1/", "172.32.0.1", "172.32.0.1"],
    ["http://192.0.1.1/", "192.0.1.1", "192.0.1.1"],
    ["http://192.0.3.1/", "192.0.3.1", "192.0.3.1"],
    ["http://192.167.255.255/", "192.167.255.255", "192.167.255.255"],
    ["http://192.169.0.1/", "192.169.0.1", "192.169.0.1"],
    ["http://198.17.255.255/", "198.17.255.255", "198.17.255.255"],
    ["http://198.20.0.1/", "198.20.0.1", "198.20.0.1"],
    ["http://223.255.255.255/", "223.255.255.255", "223.255.255.255"],
    ["https://198.41.0.4/", "198.41.0.4", "198.41.0.4"],
    ["http://134744072/", "8.8.8.8", "8.8.8.8"],
    ["http://0x08.010.8.8/", "8.8.8.8", "8.8.8.8"],
    ["http://[2606:4700:4700::1111]/", "[2606:4700:4700::1111]", "2606:4700:4700::1111"],
    ["http://[2001:4860:4860::8888]:8080/", "[2001:4860:4860::8888]:8080", "2001:4860:4860::8888"],
    ["http://[2A00:1450:4001:0:0:0:0:1]/", "[2a00:1450:4001::1]", "2a00:1450:4001::1"],
    ["http://[2001:200::1]/", "[2001:200::1]", "2001:200::1"],
    ["http://[2001:db7::1]/", "[2001:db7::1]", "2001:db7::1"],
    ["http://[2003::1]/", "[2003::1]", "2003::1"],
    ["http://[3ffe::1]/", "[3ffe::1]", "3ffe::1"],
    ["http://example.com/", "example.com", PUBLIC_V4],
    ["http://EXAMPLE.Com/", "example.com", PUBLIC_V4],
    ["http://example.com./", "example.com.", PUBLIC_V4],
    ["https://api.example.com./", "api.example.com.", PUBLIC_V4],
    ["https://api.example.com/", "api.example.com", PUBLIC_V4],
    ["https://api.example.com:8443/", "api.example.com:8443", PUBLIC_V4],
    ["http://example.com:80/", "example.com", PUBLIC_V4],
    ["http://example.com:3000/", "example.com:3000", PUBLIC_V4],
    ["http://example.com:65535/", "example.com:65535", PUBLIC_V4],
    ["http://bücher.example/", "xn--bcher-kva.example", PUBLIC_V4],
    ["http://例え.テスト/", "xn--r8jz45g.xn--zckzah", PUBLIC_V4],
    ["http://ＥＸＡＭＰＬＥ.com/", "example.com", PUBLIC_V4],
    ["http://%65xample.com/", "example.com", PUBLIC_V4],
    ["http://my_service.example.com/", "my_service.example.com", PUBLIC_V4],
    ["http://localhost.example.com/", "localhost.example.com", PUBLIC_V4],
    ["http://mylocalhost.com/", "mylocalhost.com", PUBLIC_V4],
    ["http://internal.example.com/", "internal.example.com", PUBLIC_V4],
    ["http://notlocal.dev/", "notlocal.dev", PUBLIC_V4],
    ["http://metadata.example.com/", "metadata.example.com", PUBLIC_V4],
    ["http://127.0.0.1.example.com/", "127.0.0.1.example.com", PUBLIC_V4],
    ["http://1e100.net/", "1e100.net", PUBLIC_V4],
    [`http://${long}/`, long, PUBLIC_V4],
    ["http://example.com/?next=http://127.0.0.1/\\x", "example.com", PUBLIC_V4],
    ["http://example.com/@127.0.0.1", "example.com", PUBLIC_V4],
  ];

  it("is many forms", () => expect(allowed.length).toBeGreaterThanOrEqual(30));

  it.each(allowed)("%j", async (url, host, dialled) => {
    const { port, protocol } = new URL(url);
    expect((await ask(url)).body.toString()).toBe("here");
    expect(network.dials).toEqual([{ addresses: [dialled], port: Number(port) || (protocol === "https:" ? 443 : 80) }]);
    const [arrived] = network.seen;
    expect([arrived?.request.headers.host, arrived?.scheme]).toEqual([host, protocol.slice(0, -1)]);
  });

  it.each([
    ["http://127.0.0.1:9999/", "127.0.0.1"],
    ["http://127.8.8.8/", "127.8.8.8"],
    ["http://[::1]/", "::1"],
    ["http://localhost/", "127.0.0.1"],
    ["http://app.localhost./", "::1"],
  ])("where loopback is allowed, and only there: %s", async (url, dialled) => {
    network.names = { localhost: [["127.0.0.1"]], "app.localhost": [["::1"]] };
    expect((await ask(url, {}, true)).status).toBe(200);
    expect(network.dials.map(({ addresses }) => addresses)).toEqual([[dialled]]);
    expect(await reasonOf(ask(url))).toMatch(/^address_refused (loopback|local_name)$/);
    expect(network.dials).toHaveLength(1);
  });
});
