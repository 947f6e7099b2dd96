import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  KMSClient,
  RotateKeyOnDemandCommand,
} from "@aws-sdk/client-kms";
import { SESv2Client, SendEmailCommand } from "@aws-sdk/client-sesv2";
import { type AwsServer, startAws } from "@weft/local/aws/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const common = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" }, maxAttempts: 1 };
const context = { spaceId: "spc_1", credentialId: "crd_1", version: "1" };

let folder: string;
let server: AwsServer;
let kms: KMSClient;
let KeyId: string;

async function start(): Promise<void> {
  server = await startAws({ path: folder });
  kms = new KMSClient({ ...common, endpoint: server.url });
  KeyId = server.kms.ensureKey("main").keyArn;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-aws-"));
  await start();
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

describe("KMS", () => {
  it("makes data keys that open only in their context", async () => {
    const key = await kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256", EncryptionContext: context }));
    expect(key.Plaintext).toHaveLength(32);
    const { CiphertextBlob } = key;
    const reordered = { version: "1", credentialId: "crd_1", spaceId: "spc_1" };
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: reordered }));
    expect(opened.Plaintext).toEqual(key.Plaintext);
    for (const EncryptionContext of [{ ...context, spaceId: "spc_2" }, undefined]) {
      await expect(kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))).rejects.toMatchObject({
        name: "InvalidCiphertextException",
      });
    }
    const forged = Uint8Array.from(CiphertextBlob!);
    forged[forged.length - 1]! ^= 1;
    await expect(
      kms.send(new DecryptCommand({ CiphertextBlob: forged, EncryptionContext: context })),
    ).rejects.toMatchObject({ name: "InvalidCiphertextException" });
    await expect(kms.send(new DecryptCommand({ CiphertextBlob: Buffer.from("x") }))).rejects.toMatchObject({
      name: "InvalidCiphertextException",
    });
  });

  it("opens after a rotation and a restart what was sealed before", async () => {
    const Plaintext = Buffer.from("a secret");
    const old = await kms.send(new EncryptCommand({ KeyId: "alias/main", Plaintext, EncryptionContext: context }));
    await kms.send(new RotateKeyOnDemandCommand({ KeyId }));
    await server.close();
    await start();
    const fresh = await kms.send(new EncryptCommand({ KeyId, Plaintext, EncryptionContext: context }));
    for (const { CiphertextBlob } of [old, fresh]) {
      const opened = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: context }));
      expect(Buffer.from(opened.Plaintext!).toString()).toBe("a secret");
    }
    const described = await kms.send(new DescribeKeyCommand({ KeyId: "alias/main" }));
    expect(described.KeyMetadata?.Arn).toBe(KeyId);
    await expect(kms.send(new DescribeKeyCommand({ KeyId: "alias/none" }))).rejects.toMatchObject({
      name: "NotFoundException",
    });
  });

  it("keeps its master keys to their owner", async () => {
    expect((await stat(join(folder, "kms.json"))).mode & 0o777).toBe(0o600);
  });
});

describe("SES", () => {
  it("writes each mail as JSON and as a message whose headers cannot be forged", async () => {
    const ses = new SESv2Client({ ...common, endpoint: server.url });
    const { MessageId } = await ses.send(
      new SendEmailCommand({
        FromEmailAddress: "weft@example.com",
        Destination: { ToAddresses: ["a@example.com"] },
        Content: {
          Simple: {
            Subject: { Data: "Hello\r\nBcc: thief@example.com" },
            Body: { Text: { Data: "plain" }, Html: { Data: "<b>rich</b>" } },
          },
        },
      }),
    );
    expect(server.mail.list().at(-1)).toMatchObject({ messageId: MessageId, to: ["a@example.com"], text: "plain" });
    const names = await readdir(join(folder, "mail"));
    expect(names.map((name) => name.slice(-4)).sort()).toEqual([".eml", "json"]);
    const message = await readFile(join(folder, "mail", names.find((name) => name.endsWith(".eml"))!), "utf8");
    expect(message).toContain("To: a@example.com\r\n");
    expect(message).not.toMatch(/^Bcc:/m);
    const empty = new SendEmailCommand({ FromEmailAddress: "weft@example.com", Content: { Simple: undefined } });
    await expect(ses.send(empty)).rejects.toMatchObject({ name: "BadRequestException" });
  });
});
