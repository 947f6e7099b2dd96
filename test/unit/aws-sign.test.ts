import { signAws } from "@weft/adapters/aws/sign";
import { aws } from "@weft/core/credential/types/aws";
import type { ApplyTools } from "@weft/core/credential/types/type";
import type { HttpRequest } from "@weft/engine/node";
import { describe, expect, it } from "vitest";

const request = (url: string, headers: Record<string, string> = {}): HttpRequest => {
  return { method: "GET", url, headers, timeoutMs: 1, maxBytes: 1, signal: new AbortController().signal };
};
/** The keys of AWS's own examples. */
const keys = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const now = Date.parse("2013-05-24T00:00:00Z");

function toolsOf(answer: string, sent: unknown[]): ApplyTools {
  return {
    now: () => now,
    accessToken: () => Promise.reject(new Error("AWS has none")),
    signAws,
    send: async (given, hosts) => {
      sent.push({ given, hosts });
      return { status: 200, text: answer };
    },
  };
}

describe("Signature Version 4", () => {
  it("is that of AWS's published example: GET of an object with a range", async () => {
    const signed = await signAws(
      request("https://examplebucket.s3.amazonaws.com/test.txt", { Range: "bytes=0-9" }),
      keys,
      { region: "us-east-1", service: "s3", now },
    );
    expect(signed.headers.authorization).toBe(
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, " +
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    expect(signed.headers.host).toBeUndefined();
  });

  it("is that of AWS's published example: a query", async () => {
    const signed = await signAws(request("https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J"), keys, {
      region: "us-east-1",
      service: "s3",
      now,
    });
    expect(signed.headers.authorization).toMatch(
      /Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7$/,
    );
  });

  it("sends the query as it was signed", async () => {
    const url = "https://sqs.eu-west-1.amazonaws.com/?b=a+b&a=%28x%29&b=%2F";
    const signed = await signAws(request(url), keys, { region: "eu-west-1", service: "sqs", now });
    expect(new URL(signed.url).search).toBe("?b=a%20b&b=%2F&a=%28x%29");
  });
});

describe("a credential of AWS", () => {
  it("takes service and region from the host, and signs with the keys", async () => {
    const { request: signed } = await aws.apply!(
      request("https://sqs.eu-west-1.amazonaws.com/"),
      keys,
      toolsOf("", []),
    );
    expect(signed.headers.authorization).toContain("/20130524/eu-west-1/sqs/aws4_request");
    expect(signed.secretHeaders).toContain("authorization");
    await expect(
      (async () => aws.apply!(request("https://example.com/"), keys, toolsOf("", [])))(),
    ).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("assumes a role once, and signs with the role's keys until shortly before they end", async () => {
    const answer = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>
      <SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>
      <Expiration>2013-05-24T01:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
    const sent: { given: HttpRequest; hosts: string[] }[] = [];
    const data = { ...keys, region: "eu-west-1", roleArn: "arn:aws:iam::123456789012:role/reader", externalId: "x" };
    const tools = toolsOf(answer, sent);
    const url = "https://sqs.eu-west-1.amazonaws.com/";
    const { request: signed, secrets } = await aws.apply!(request(url), data, tools);
    expect(signed.headers.authorization).toContain("Credential=ASIAROLE/");
    expect(signed.headers["x-amz-security-token"]).toBe("role-token");
    expect(secrets).toEqual(["role-secret", "role-token"]);
    await aws.apply!(request(url), data, tools);
    expect(sent).toHaveLength(1);
    expect(sent[0]!.hosts).toEqual(["sts.eu-west-1.amazonaws.com"]);
    expect(sent[0]!.given.url).toMatch(/^https:\/\/sts\.eu-west-1\.amazonaws\.com\/\?Action=AssumeRole&.*ExternalId=x/);
    await aws.apply!(request(url), data, { ...tools, now: () => now + 56 * 60_000 });
    expect(sent).toHaveLength(2);
  });
});
