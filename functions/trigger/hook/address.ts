import { BlockList, isIP } from "node:net";

/** Lists are made once for each revision of a webhook: they are looked at in every call. */
const lists = new WeakMap<readonly string[], BlockList>();

/** Whether an address is one of those that are let in, each an address or a CIDR. */
export function isAllowedAddress(allowed: readonly string[], address: string): boolean {
  const list = lists.get(allowed) ?? listOf(allowed);
  lists.set(allowed, list);
  // An IPv4 caller may be shown as the IPv6 address that stands for it.
  const plain = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
  const family = isIP(plain);
  return family !== 0 && list.check(plain, family === 4 ? "ipv4" : "ipv6");
}

function listOf(allowed: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of allowed) {
    const [net = "", prefix] = entry.split("/");
    const family = isIP(net) === 4 ? "ipv4" : "ipv6";
    list.addSubnet(net, Number(prefix ?? (family === "ipv4" ? 32 : 128)), family);
  }
  return list;
}
