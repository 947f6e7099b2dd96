import { BlockList, isIP } from "node:net";

/**
 * Addresses that no user's request may reach, the more particular first, each with what it is: the IANA special-purpose
 * registries (RFC 6890 and what came after), what clouds answer their own machines on, and forms of IPv6 that lead to an
 * IPv4 address which would have to be checked in its place.
 */
const REFUSED: readonly (readonly [reason: string, ...networks: string[]])[] = [
  [
    "metadata",
    "169.254.169.254/32",
    "169.254.170.2/32",
    "169.254.170.23/32",
    "100.100.100.200/32",
    // Azure's, the one that is in a public range.
    "168.63.129.16/32",
    "192.0.0.192/32",
    "fd00:ec2::/32",
    "fd20:ce::254/128",
  ],
  ["unspecified", "0.0.0.0/8", "::/128"],
  ["loopback", "127.0.0.0/8", "::1/128"],
  ["private", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
  ["shared", "100.64.0.0/10"],
  ["link_local", "169.254.0.0/16", "fe80::/10"],
  ["site_local", "fec0::/10"],
  ["protocol", "192.0.0.0/24"],
  ["documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"],
  ["benchmark", "198.18.0.0/15", "2001:2::/48"],
  ["broadcast", "255.255.255.255/32"],
  ["multicast", "224.0.0.0/4", "ff00::/8"],
  ["6to4", "192.88.99.0/24", "2002::/16"],
  ["reserved", "240.0.0.0/4"],
  ["mapped", "::ffff:0:0/96"],
  ["translated", "::ffff:0:0:0/96"],
  ["nat64", "64:ff9b::/96", "64:ff9b:1::/48"],
  ["discard", "100::/64", "100:0:0:1::/64"],
  ["compatible", "::/96"],
  ["teredo", "2001::/32"],
  ["protocol", "2001::/23"],
  ["segment_routing", "5f00::/16"],
];

const lists = REFUSED.map(([reason, ...networks]) => {
  const v4 = new BlockList();
  const v6 = new BlockList();
  for (const network of networks) {
    const [net = "", prefix] = network.split("/");
    if (isIP(net) === 4) v4.addSubnet(net, Number(prefix), "ipv4");
    else v6.addSubnet(net, Number(prefix), "ipv6");
  }
  return { reason, v4, v6 };
});

/** Only global unicast is let through: everything else is reserved or special. */
const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");

/** An interface of ISATAP (RFC 5214), which holds an IPv4 address. */
const ISATAP = /:(?:200:)?5efe:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/;

/** Why a resolved address may not be reached; undefined where it is on the public internet. */
export function refusalOf(address: string): string | undefined {
  const family = isIP(address);
  if (family === 4) return lists.find(({ v4 }) => v4.check(address, "ipv4"))?.reason;
  if (family !== 6) return "no_address";
  // Without its zone, which does not make it another address.
  const [bare = ""] = address.split("%");
  const listed = lists.find(({ v6 }) => v6.check(bare, "ipv6"));
  if (listed) return listed.reason;
  if (!global.check(bare, "ipv6")) return "reserved";
  return ISATAP.test(new URL(`http://[${bare}]/`).hostname.slice(1, -1)) ? "isatap" : undefined;
}

/** Whether it is this machine: what the loopback setting lets through, and nothing more. */
export function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}
