import { AsyncLocalStorage } from "node:async_hooks";
import { documentClient } from "@weft/db/table";

/** Thrown where a process is said to have died. */
export class Died extends Error {
  override readonly name = "Died";
}

interface Watched {
  /** Requests of this process so far. */
  count: number;
  /** The request that something happens at, from 1, and what: before it is sent, or after it was carried out. */
  at: number;
  when: "before" | "after";
  happen(): Promise<void>;
  isDead: boolean;
}

const processes = new AsyncLocalStorage<Watched>();

/**
 * Lets something happen at any one request that a piece of work makes of the store: its process dies there, or others go
 * on in between. What the piece of work does outside is left alone.
 */
export function storePoints() {
  const name = "weftStorePoints";
  documentClient().middlewareStack.add(
    (next) => async (args) => {
      const own = processes.getStore();
      if (!own) return next(args);
      if (own.isDead) throw new Died("the process is dead");
      own.count += 1;
      const isHere = own.count === own.at;
      if (isHere && own.when === "before") await processes.exit(() => own.happen());
      const result = await next(args);
      if (isHere && own.when === "after") await processes.exit(() => own.happen());
      return result;
    },
    { step: "initialize", name },
  );
  return {
    /** Runs `work` as a process of its own in which `happen` comes at its request number `at`. Gives how many it made. */
    async during(
      work: () => Promise<unknown>,
      point: { at: number; when: "before" | "after"; happen(): Promise<void> },
    ): Promise<number> {
      const own: Watched = { count: 0, isDead: false, ...point };
      await processes.run(own, work);
      return own.count;
    },
    /** Runs `work` as a process that dies at its request number `at`; false where it was over before. */
    async dies(work: () => Promise<unknown>, at: number, when: "before" | "after"): Promise<boolean> {
      const own: Watched = {
        count: 0,
        at,
        when,
        isDead: false,
        happen: async () => {
          own.isDead = true;
          throw new Died(`died ${when} request ${at}`);
        },
      };
      await processes.run(own, work).catch((thrown: unknown) => {
        if (!own.isDead) throw thrown;
      });
      return own.isDead;
    },
    remove: () => void documentClient().middlewareStack.remove(name),
  };
}
