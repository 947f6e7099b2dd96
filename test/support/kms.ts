import { type AwsServer, startAws } from "@weft/local/aws/server";

/** A KMS of this test file alone, with the data key, and the environment that points the SDK to it. */
export async function startKms(): Promise<AwsServer> {
  const server = await startAws();
  process.env.AWS_ENDPOINT_URL_KMS = server.url;
  process.env.DATA_KEY_ARN = server.kms.ensureKey("data").keyArn;
  return server;
}
