import { appendFileSync } from "node:fs";
import { startObjects } from "@weft/local/objects/server";

const [, , path, log] = process.argv as [string, string, string, string];
const server = await startObjects({
  path,
  onObjectCreated: (record) => appendFileSync(log, `${record.s3.object.key}\n`),
});
server.createBucket("files");
const { queueUrl } = server.createQueue("work");
process.stdout.write(`${server.s3Url} ${queueUrl}\n`);
