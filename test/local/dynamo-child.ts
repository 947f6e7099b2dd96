import { startDynamo } from "@weft/local/dynamo/server";

const server = await startDynamo({ path: process.argv[2] });
process.stdout.write(`${server.url}\n`);
