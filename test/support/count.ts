import { documentClient } from "@weft/db/table";

/** How many requests the work sends to the table. */
export async function countRequests(work: () => Promise<unknown>): Promise<number> {
  const client = documentClient();
  let count = 0;
  const name = "countRequests";
  client.middlewareStack.add(
    (next) => (args) => {
      count++;
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
