import type { S3Client } from "@aws-sdk/client-s3";
import type { SfnEnvironment } from "../sfn/index.ts";
import { REGION } from "./environment.ts";

/** The objects of the local S3 as machines read and write them. The SDK is loaded by the first that does. */
export function objectsOf(endpoint: string): NonNullable<SfnEnvironment["s3"]> {
  let client: S3Client | undefined;
  const open = async () => {
    const sdk = await import("@aws-sdk/client-s3");
    const credentials = { accessKeyId: "local", secretAccessKey: "local" };
    client ??= new sdk.S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials });
    return { sdk, client };
  };
  return {
    async getObject(Bucket, Key) {
      const { sdk, client } = await open();
      const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }));
      return (await Body?.transformToString()) ?? "";
    },
    async putObject(Bucket, Key, Body, ContentType) {
      const { sdk, client } = await open();
      await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ContentType }));
    },
    async listObjectsV2(Bucket, Prefix) {
      const { sdk, client } = await open();
      const found = [];
      for await (const page of sdk.paginateListObjectsV2({ client }, { Bucket, Prefix })) {
        for (const { Key = "", Size = 0, ETag = "", LastModified, StorageClass } of page.Contents ?? []) {
          const lastModified = LastModified?.getTime() ?? 0;
          found.push({
            key: Key,
            size: Size,
            etag: ETag,
            lastModified,
            ...(StorageClass && { storageClass: StorageClass }),
          });
        }
      }
      return found;
    },
  };
}
