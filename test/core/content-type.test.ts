import { contentTypeOf } from "@weft/core/file/file.content-type";
import { extensionOf, plainName } from "@weft/core/file/file.service";
import fc from "fast-check";
import { strToU8, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { PDF, PNG } from "../support/files.ts";

const text = (value: string) => Buffer.from(value);
const ZIP = zipSync({ "a.txt": strToU8("a") });
const DOCX = zipSync({
  "[Content_Types].xml": strToU8(
    '<?xml version="1.0"?><Types><Override ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
  ),
});
const DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const OLE = Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(600)]);
const GZIP = Buffer.from("1f8b0800000000000003", "hex");

describe("a file's type", () => {
  it.each([
    ["image/png", PNG, "image/png"],
    ["IMAGE/PNG", PNG, "image/png"],
    ["image/jpg", PNG, "image/png"],
    ["text/csv; charset=utf-8", text("a,b"), "text/csv; charset=utf-8"],
    ["text/csv", text("BMW,1"), "text/csv"],
    ["text/html", text("<html>"), "text/html"],
    ["image/svg+xml", text('<?xml version="1.0"?><svg/>'), "image/svg+xml"],
    ["application/json", text("{}"), "application/json"],
    ["application/vnd.ms-excel", text("a;b"), "application/vnd.ms-excel"],
    ["application/x-zip-compressed", ZIP, "application/x-zip-compressed"],
    ["application/zip", DOCX, "application/zip"],
    [DOCX_TYPE, DOCX, DOCX_TYPE],
    [DOCX_TYPE, ZIP, DOCX_TYPE],
    ["application/msword", OLE, "application/msword"],
    ["application/x-gzip", GZIP, "application/x-gzip"],
    ["application/vnd.custom", text("anything"), "application/vnd.custom"],
    ["image/png", new Uint8Array(), "image/png"],
    ["", DOCX, DOCX_TYPE],
    ["application/octet-stream", PDF, "application/pdf"],
    ["application/octet-stream", text("a"), "text/plain"],
    ["text/plain", PNG, "image/png"],
    ["text/plain", Buffer.from([0, 255]), "application/octet-stream"],
    ["", Buffer.from([0, 1, 2, 255]), "application/octet-stream"],
  ])("declared as %j stands, is corrected or found", async (declared, head, expected) => {
    expect(await contentTypeOf(declared, "file", head)).toBe(expected);
  });

  it.each([
    ["image/png", text("<script>")],
    ["image/png", PDF],
    ["application/pdf", ZIP],
    ["application/pdf", text("no pdf")],
    ["text/plain; charset=utf-8", PNG],
    ["text/html", ZIP],
    ["application/json", Buffer.from([0, 1, 2])],
    ["audio/mpeg", PDF],
    [DOCX_TYPE, PDF],
    ["application/zip", text("PK is not enough")],
  ])("declared as %j is refused for something else", async (declared, head) => {
    await expect(contentTypeOf(declared, "file", head)).rejects.toMatchObject({
      code: "unsupported_media_type",
      details: { declared: declared.split(";")[0], found: expect.any(String) },
    });
  });

  it("that is no media type is refused", async () => {
    for (const declared of ["png", "text/plain\r\nx: y", "a/b/c", "text/"]) {
      await expect(contentTypeOf(declared, "a", PNG)).rejects.toMatchObject({ code: "invalid_input" });
    }
  });

  it("is told of any bytes under any declaration, or refused", async () => {
    const types = fc.constantFrom(
      "",
      "text/plain",
      "image/png",
      "application/pdf",
      "application/zip",
      "x/y",
      "video/mp4",
    );
    await fc.assert(
      fc.asyncProperty(types, fc.uint8Array({ maxLength: 300 }), async (declared, head) => {
        const outcome = await contentTypeOf(declared, "a.csv", head).catch(({ code }: { code: string }) => code);
        expect(outcome).toMatch(/^[\w.+-]+\/[\w.+-]+|unsupported_media_type$/);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a file's name", () => {
  it("loses its path and what no name holds, and keeps its extension", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 600 }), fc.string()), (given) => {
        const name = plainName(given);
        expect(name.length).toBeGreaterThan(0);
        expect(name.length).toBeLessThanOrEqual(255);
        expect(name).not.toMatch(/[/\\\p{Cc}]|^\.+$/u);
        expect(plainName(name)).toBe(name);
      }),
    );
  });

  it.each([
    ["a.PDF", "pdf"],
    ["a.tar.gz", "gz"],
    [".env", ""],
    ["none", ""],
    ["a.", ""],
    ["a.b c", ""],
  ])("%j has the extension %j", (name, extension) => {
    expect(extensionOf(name)).toBe(extension);
  });
});
