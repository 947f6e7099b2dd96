import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { connect, type LookupFunction, type Socket } from "node:net";

/** The network beneath: names and connections. Tests put their own in its place. */
export interface Network {
  lookup(host: string): Promise<LookupAddress[]>;
  /** Opens a connection to one of these addresses, the first that answers. */
  connect(addresses: LookupAddress[], port: number): Socket;
}

export const internet: Network = {
  lookup: (host) => lookup(host, { all: true }),
  connect(addresses, port) {
    const [first] = addresses;
    // The name is resolved already: the connection goes where the check looked, and no resolver is asked again.
    const pinned: LookupFunction = (_host, options, done) => {
      if (options.all) done(null, addresses);
      else done(null, first?.address ?? "", first?.family);
    };
    return connect({ host: "pinned.invalid", port, lookup: pinned, autoSelectFamily: true });
  },
};
