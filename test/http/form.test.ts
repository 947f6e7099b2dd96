import { defineApi } from "@weft/http/define-api";
import { FormFile, formFile, MULTIPART, readForm } from "@weft/http/form";
import { openApiDocument } from "@weft/http/openapi";
import { type Route, route } from "@weft/http/route";
import { redact } from "@weft/kernel/redact";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { callApi } from "../support/call.ts";
import { memoryServices } from "../support/services.ts";

const body = z.object({ file: formFile, note: z.string().optional(), tags: z.array(z.string()).optional() });
const routes: Route[] = [
  route(
    {
      method: "POST",
      path: "/form",
      operationId: "sendForm",
      summary: "A form",
      permission: "public",
      consumes: [MULTIPART, "application/json"],
      larger: "/uploads",
      body,
      response: z.unknown(),
    },
    ({ body: { file, ...rest } }) => ({ name: file.name, type: file.contentType, size: file.size, ...rest }),
  ),
];
const handler = defineApi(routes, memoryServices());
const TYPE = `${MULTIPART}; boundary=b`;

const part = (headers: string, content: string) =>
  `--b\r\nContent-Disposition: form-data; ${headers}\r\n\r\n${content}\r\n`;
const send = (text: string, type = TYPE) =>
  callApi(handler, { method: "POST", path: "/form", body: Buffer.from(text), headers: { "content-type": type } });
const issues = async (text: string, type?: string) => (await send(text, type)).json.error.details.issues;

describe("forms", () => {
  it("are read as fields and files, fields again and again where that is meant", async () => {
    const text = [
      part('name="file"; filename="ä b.txt"\r\nContent-Type: text/plain', "line 1\r\nline 2"),
      part('name="note"', "ü"),
      part('name="tags"', "a"),
      part('name="tags"', "b"),
    ].join("");
    const { json } = await send(`${text}--b--\r\n`);
    expect(json).toEqual({ name: "ä b.txt", type: "text/plain", size: 14, note: "ü", tags: ["a", "b"] });
    const quoted = await send(`${part('name="file"; filename="x"', "")}--b--\r\n`, 'Multipart/Form-Data; boundary="b"');
    expect(quoted.json).toMatchObject({ name: "x", size: 0 });
    const bare = await send(`${part("name=file; filename=a.txt; filename*=utf-8''%C3%A4.txt", "x")}--b--`);
    expect(bare.json).toMatchObject({ name: "ä.txt", size: 1 });
  });

  it("are refused by the field that is wrong", async () => {
    const file = part('name="file"; filename="x"', "x");
    expect(await issues("rubbish")).toEqual([{ path: "body", message: "malformed multipart/form-data" }]);
    expect((await issues(file))[0].path).toBe("body");
    expect((await issues(`${part('filename="x"', "x")}--b--`))[0].path).toBe("body");
    // A form in which no file was chosen.
    expect((await issues(`${part('name="file"; filename=""', "")}--b--`))[0].path).toBe("file");
    expect((await issues(`${file}--b--`, MULTIPART))[0].path).toBe("body");
    expect((await issues(`${part('name="file"', "text")}--b--\r\n`))[0]).toEqual({
      path: "file",
      message: "must be a file of the form",
    });
    expect((await issues(`${file}${file}--b--\r\n`))[0]).toEqual({ path: "file", message: "given more than once" });
    expect((await issues(`${file}${part('name="note"; filename="n"', "x")}--b--\r\n`))[0].path).toBe("note");
    const proto = await issues(`${file}${part('name="__proto__"', "x")}--b--\r\n`);
    expect(proto[0].message).toBe("unknown field");
    const many = await send(`${part('name="tags"', "t").repeat(101)}--b--\r\n`);
    expect([many.status, many.json.error.code]).toEqual([413, "too_large"]);
  });

  it("are the only thing that a file comes from", async () => {
    for (const file of ["text", { name: "a", contentType: "b", size: 1, bytes: [1] }, { path: "/etc/passwd" }]) {
      const text = JSON.stringify({ file });
      expect((await issues(text, "application/json"))[0].path).toBe("file");
    }
  });

  it("that are too large name the way for larger ones", async () => {
    const { json } = await send("x".repeat(4 * 1024 * 1024 + 1));
    expect(json.error.details.upload).toEqual({ method: "POST", path: "/uploads" });
  });

  it("are described as bytes", () => {
    // biome-ignore lint/suspicious/noExplicitAny: the document is read as the JSON it is
    const document = JSON.parse(JSON.stringify(openApiDocument(routes, { title: "t", version: "1" }))) as any;
    const { schema } = document.paths["/form"].post.requestBody.content[MULTIPART];
    expect(schema.properties.file).toEqual({ type: "string", format: "binary" });
  });

  it("keep what is in a file out of logs and audit rows", () => {
    const file = new FormFile("a.txt", "text/plain", Buffer.from("the content"));
    expect(redact({ file })).toEqual({ file: { name: "a.txt", contentType: "text/plain", size: 11 } });
    expect(JSON.stringify(file)).not.toContain('content"}');
    expect(JSON.stringify(file)).toBe('{"name":"a.txt","contentType":"text/plain","size":11}');
  });

  it("whatever they hold give fields or a refusal", async () => {
    const junk = fc.array(
      fc.oneof(
        fc.constantFrom(
          "--b",
          "\r\n",
          "\n",
          "--b--",
          'Content-Disposition: form-data; name="a"',
          '; filename="x"',
          "\r\n\r\n",
        ),
        fc.string(),
      ),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(junk, async (pieces) => {
        const read = readForm(Buffer.from(pieces.join("")), TYPE);
        const outcome = await read.then(
          () => "fields",
          (thrown: { code?: string }) => thrown.code,
        );
        expect(["fields", "invalid_input", "too_large"]).toContain(outcome);
      }),
      { numRuns: 300 },
    );
  });
});
