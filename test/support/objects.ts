import { type ObjectsServer, startObjects } from "@weft/local/objects/server";

/** An S3 of this test file alone, with the files bucket, and the environment that points the SDK to it. */
export async function startFiles(): Promise<ObjectsServer> {
  const server = await startObjects();
  server.createBucket(String(process.env.FILES_BUCKET));
  process.env.AWS_ENDPOINT_URL_S3 = server.s3Url;
  return server;
}
