import type { WeftStack } from "../stack.ts";
import type { ServiceServer } from "./service-server.ts";

/**
 * What a bench or a fault test in another process may ask of the stack, on the loopback port of the services:
 * `GET /_local/counts` and `POST /_local/kill/{function}`.
 */
export function addOperatorApi(services: ServiceServer, stack: WeftStack): void {
  services.addPath({
    matches: /^\/_local\//,
    handle: (req, res) => {
      const [, , what, name = ""] = (req.url ?? "").split("/");
      const answer =
        what === "counts"
          ? stack.counts()
          : what === "kill" && req.method === "POST" && stack.pool.has(name)
            ? { killed: stack.killWorker(name) }
            : undefined;
      res.writeHead(answer ? 200 : 404, { "content-type": "application/json" });
      res.end(JSON.stringify(answer ?? {}));
    },
  });
}
