import { documentClient } from "@weft/db/table";

const WRITES = /^(Put|Update|Delete|BatchWrite|TransactWrite)/;

/** How many requests the work sends to the table, or how many of them write. */
export async function countRequests(
  work: () => Promise<unknown>,
  { writesOnly = false }: { writesOnly?: boolean } = {},
): Promise<number> {
  const client = documentClient();
  let count = 0;
  const name = "countRequests";
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      (args) => {
        if (!writesOnly || WRITES.test(commandName)) count++;
        return next(args);
      },
    { step: "initialize", name, override: true },
  );
  try {
    await work();
    return count;
  } finally {
    client.middlewareStack.remove(name);
  }
}
