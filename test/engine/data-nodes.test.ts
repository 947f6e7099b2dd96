import { gzipSync } from "node:zlib";
import type { FileContent } from "@weft/engine/node";
import fc from "fast-check";
import { strToU8, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { call, refusal } from "./call.ts";

const MEGABYTE = 1024 * 1024;
const b64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64");

describe("csv", () => {
  const parse = async (data: string, config: object = {}) =>
    (await call("csv", { mode: "parse", ...config }, { data })).output.items;
  const write = async (items: unknown, config: object = {}) =>
    (await call("csv", { mode: "write", newline: "\n", ...config }, { items })).output.output;
  it("reads quotes, line ends in cells, marks, missing and repeated columns", async () => {
    expect(await parse('\ufeffa,b,a\r\n1,"x ""y"",\nz",3\n\n4')).toEqual([
      { a: "1", b: 'x "y",\nz', a_2: "3" },
      { a: "4", b: null, a_2: null },
    ]);
    expect(await parse("a;b\n1;2,5")).toEqual([{ a: "1", b: "2,5" }]);
    expect(await parse("1\t2", { header: false })).toEqual([["1", "2"]]);
    expect(await parse("a,b,c,d\n1,,true,007", { types: "auto" })).toEqual([{ a: 1, b: null, c: true, d: "007" }]);
    expect(await parse("")).toEqual([]);
    expect(await parse("a\n1,2,3")).toEqual([{ a: "1", column_2: "2", column_3: "3" }]);
  });
  it("writes what it reads", async () => {
    const cell = fc
      .string({ unit: "binary" })
      .filter((text) => text === text.toWellFormed() && !text.startsWith("\ufeff"));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ a: cell, b: cell }), { minLength: 1 }), async (items) => {
        const text = await write(items, { escapeFormulas: false });
        expect(await parse(text, { delimiter: ",", skipEmptyLines: false })).toEqual(items);
      }),
    );
  });
  it("writes columns of objects and lists, and nothing that a spreadsheet would run", async () => {
    expect(
      await write([
        { a: 1, b: null },
        { c: { x: 1 }, a: "u" },
      ]),
    ).toBe('a,b,c\n1,,\nu,,"{""x"":1}"\n');
    expect(await write([{ a: 1, b: 2 }], { columns: ["b"], header: false, delimiter: ";", bom: true })).toBe(
      "\ufeff2\n",
    );
    expect(await write([[1, 2], [3]])).toBe("1,2\n3\n");
    expect(await write([["=1+1", "@x", "-5", "+a", -5]])).toBe("'=1+1,'@x,-5,'+a,-5\n");
  });
  it("refuses what is broken or too large, and keeps hostile names as names", async () => {
    expect(await refusal("csv", { mode: "parse" }, { data: 'a\n"open' })).toBe("invalid_csv");
    expect(await refusal("csv", { mode: "parse" }, { data: "a".repeat(17 * MEGABYTE) })).toBe("too_large");
    expect(await refusal("csv", { mode: "parse" }, { data: ",".repeat(2 * MEGABYTE) })).toBe("too_large");
    const [item] = await parse("__proto__,constructor\n1,2");
    expect(Object.entries(item as object)).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
  });
});

describe("spreadsheet", () => {
  const items = [
    { name: 'Ann <&> "x"', n: 1.5, ok: true, none: null },
    { name: "=1+1\nline", n: -2, ok: false, none: null },
  ];
  const written = async (given: unknown = items) =>
    (await call("spreadsheet", { mode: "write" }, { items: given })).output.output;
  const read = async (data: string, config: object = {}) =>
    (await call("spreadsheet", { mode: "read", from: { input: "data", as: "base64" }, ...config }, { data })).output;
  const book = (sheet: string, more: Record<string, string> = {}) =>
    b64(
      zipSync(
        Object.fromEntries(
          Object.entries({
            "xl/workbook.xml":
              '<x:workbook xmlns:x="m"><x:sheets><x:sheet name="S" r:id="r1" xmlns:r="o"/></x:sheets></x:workbook>',
            "xl/_rels/workbook.xml.rels":
              '<Relationships><Relationship Id="r1" Target="/xl/worksheets/a.xml"/></Relationships>',
            "xl/worksheets/a.xml": `<worksheet><sheetData>${sheet}</sheetData></worksheet>`,
            ...more,
          }).map(([name, text]) => [name, strToU8(text)]),
        ),
      ),
    );
  it("reads what it wrote", async () => {
    const found = await read(await written());
    expect(found).toEqual({ items, sheetName: "Sheet1", sheetNames: ["Sheet1"] });
    const two = {
      mode: "write",
      sheets: [
        { name: "A", items: "a" },
        { name: "B", items: "b", header: false },
      ],
    };
    const { output } = await call("spreadsheet", two, { a: [{ x: 1 }], b: [["p", 2]] });
    expect((await read(output.output, { sheet: "B", header: false })).items).toEqual([["p", 2]]);
    expect((await read(output.output)).sheetNames).toEqual(["A", "B"]);
    expect(await written()).toBe(await written());
  });
  it("reads shared strings, dates, gaps and errors as Excel writes them", async () => {
    const sheet =
      '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c></row>' +
      '<row r="9"><c r="A9" s="1"><v>46023</v></c><c r="B9" s="2"><v>46023.5</v></c><c r="C9" t="b"><v>1</v></c><c t="e"><v>#N/A</v></c></row>';
    const data = book(sheet, {
      "xl/sharedStrings.xml": "<sst><si><t>Sha</t><rPh><t>no</t></rPh><t>red</t></si></sst>",
      "xl/styles.xml":
        '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;m&quot;"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>',
    });
    expect((await read(data, { header: false })).items).toEqual([
      ["Shared", null, "inline"],
      ["2026-01-01", "2026-01-01T12:00:00", true, "#N/A"],
    ]);
    expect((await read(data)).items).toEqual([
      { Shared: "2026-01-01", column_2: "2026-01-01T12:00:00", inline: true, column_4: "#N/A" },
    ]);
  });
  it("refuses cells beyond every sheet, packed and shared bombs, and what is no workbook", async () => {
    const config = { mode: "read", from: { input: "data", as: "base64" } };
    const refused = (data: string) => refusal("spreadsheet", config, { data });
    expect(await refused(book('<row r="1"><c r="ZZZ1"><v>1</v></c></row>'))).toBe("too_large");
    expect(await refused(book('<row><c r="XFD1"><v>1</v></c></row>'.repeat(100)))).toBe("too_large");
    const shared = { "xl/sharedStrings.xml": `<sst><si><t>${"x".repeat(MEGABYTE)}</t></si></sst>` };
    expect(await refused(book(`<row>${'<c t="s"><v>0</v></c>'.repeat(100)}</row>`, shared))).toBe("too_large");
    expect(await refused(book(`<row/>${" ".repeat(65 * MEGABYTE)}`))).toBe("too_large");
    expect(await refused(book("<row>"))).toBe("invalid_xml");
    expect(await refused(book("&bomb;"))).toBe("invalid_xml");
    expect(await refused(b64(zipSync({ a: strToU8("x") })))).toBe("invalid_workbook");
    expect(await refused("AAAA")).toBe("invalid_archive");
    expect(await refusal("spreadsheet", { ...config, sheet: "T" }, { data: book("") })).toBe("not_found");
  });
  it("keeps to a file where it is told to", async () => {
    const files = new Map<string, FileContent>();
    const deps = {
      files: {
        get: async (key: string) => files.get(key) ?? null,
        put: async (key: string, content: FileContent) => void files.set(key, content),
      },
    };
    const config = { mode: "write", to: { as: "file", key: "out/{{n}}.xlsx" } };
    expect((await call("spreadsheet", config, { items, n: 7 }, { deps })).output).toMatchObject({
      output: "out/7.xlsx",
    });
    const found = await call("spreadsheet", { mode: "read" }, { data: "out/7.xlsx" }, { deps });
    expect(found.output.items).toEqual(items);
    expect(await refusal("spreadsheet", { mode: "read" }, { data: "../7.xlsx" }, { deps })).toBe("invalid_key");
    expect(await refusal("spreadsheet", { mode: "read" }, { data: "none" }, { deps })).toBe("not_found");
  });
});

describe("compression", () => {
  const text = "äöü ".repeat(1_000);
  it("packs and unpacks", async () => {
    const packed = (await call("compression", { operation: "gzip" }, { data: text })).output;
    expect(packed.size).toBeLessThan(200);
    expect((await call("compression", { operation: "gunzip" }, { data: packed.output })).output.output).toBe(text);
    const items = [
      { name: "a/b.txt", content: text },
      { name: "c.bin", content: "/wA=", isBase64: true },
    ];
    const zip = (await call("compression", { operation: "zip" }, { items })).output.output;
    expect((await call("compression", { operation: "unzip" }, { data: zip })).output.items).toEqual([
      { name: "a/b.txt", size: 7_000, content: text, isBase64: false },
      { name: "c.bin", size: 2, content: "/wA=", isBase64: true },
    ]);
    expect((await call("compression", { operation: "zip" }, { items })).output.output).toBe(zip);
  });
  it("stops bombs", async () => {
    const zeros = new Uint8Array(80 * MEGABYTE);
    expect(await refusal("compression", { operation: "gunzip" }, { data: b64(gzipSync(zeros)) })).toBe("too_large");
    const zip = zipSync({ a: zeros });
    const unzip = (bytes: Uint8Array) => refusal("compression", { operation: "unzip" }, { data: b64(bytes) });
    expect(await unzip(zip)).toBe("too_large");
    const many = Object.fromEntries(Array.from({ length: 1_001 }, (_none, at) => [`f${at}`, new Uint8Array(1)]));
    expect(await unzip(zipSync(many))).toBe("too_large");
  });
  it("unpacks no more than an archive says, where it lies about its sizes", async () => {
    const zip = Buffer.from(zipSync({ a: new Uint8Array(8 * MEGABYTE) }));
    const central = zip.indexOf(Buffer.from("504b0102", "hex"));
    zip.writeUInt32LE(10, central + 24);
    const outcome = await call("compression", { operation: "unzip" }, { data: b64(zip) }).then(
      ({ output }) => output.items[0].size,
      (thrown) => thrown.code,
    );
    expect([10, "invalid_archive"]).toContain(outcome);
  });
  it("refuses names that lead out, and data that is none", async () => {
    for (const name of ["../x", "/etc/passwd", "a\\..\\b"]) {
      const zip = b64(zipSync({ [name]: strToU8("x") }));
      expect(await refusal("compression", { operation: "unzip" }, { data: zip })).toBe("invalid_name");
      expect(await refusal("compression", { operation: "zip" }, { items: [{ name, content: "" }] })).toBe(
        "invalid_name",
      );
    }
    const twice = { items: [{ name: "a" }, { name: "a" }] };
    expect(await refusal("compression", { operation: "zip" }, twice)).toBe("invalid_name");
    expect(await refusal("compression", { operation: "gunzip" }, { data: "AAAA" })).toBe("invalid_archive");
    expect(await refusal("compression", { operation: "gunzip" }, { data: "!" })).toBe("invalid_encoding");
  });
});

describe("xml", () => {
  const parse = async (data: string, config: object = {}) =>
    (await call("xml", { mode: "parse", ...config }, { data })).output.output;
  const build = async (data: unknown, config: object = {}) =>
    (await call("xml", { mode: "build", declaration: false, ...config }, { data })).output.output;
  it("reads elements, attributes, texts and repeated children", async () => {
    const text = '<?xml version="1.0"?><r a="1"><x>1</x><x b="2">t&amp;u&#65;</x><e/><![CDATA[<raw>]]></r>';
    expect(await parse(text)).toEqual({
      r: { "@a": "1", x: ["1", { "@b": "2", "#text": "t&uA" }], e: "", "#text": "<raw>" },
    });
    expect(await parse("<r><x> 1 </x></r>", { alwaysList: true, trim: false })).toEqual({ r: { x: [" 1 "] } });
    expect(await parse('<r a="1">x</r>', { attributes: false })).toEqual({ r: "x" });
  });
  it("writes what it reads", async () => {
    const name = fc.constantFrom("a", "b", "__proto__", "é");
    const leaf = fc.string({ unit: fc.constantFrom("x", "<", "&", '"', "é", "]]>") }).map((text) => `.${text}.`);
    const node = fc.letrec((tie) => ({
      node: fc.oneof({ maxDepth: 3 }, leaf, fc.dictionary(name, tie("node"), { minKeys: 1 })),
    })).node;
    await fc.assert(
      fc.asyncProperty(node, async (value) => {
        const plain = JSON.parse(JSON.stringify(value));
        expect(JSON.stringify(await parse(await build(plain, { root: "root" })))).toBe(JSON.stringify({ root: plain }));
      }),
    );
    expect(await build({ r: { "@a": 'x"\n', b: [1, null], "#text": "t" } })).toBe(
      '<r a="x&quot;&#10;">t<b>1</b><b/></r>',
    );
    expect(await build({ r: { b: 1 } }, { pretty: true })).toBe("<r>\n  <b>1</b>\n</r>\n");
  });
  it("never expands what a document defines", async () => {
    const laughs = `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>`;
    const file = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>';
    for (const text of [
      laughs,
      file,
      "<l>&constructor;</l>",
      "<l>&__proto__;</l>",
      "<a><b></a>",
      "<a",
      "",
      "text",
      "<a/><b/>",
      "<a b=1/>",
    ]) {
      expect(await refusal("xml", { mode: "parse" }, { data: text })).toBe("invalid_xml");
    }
  });
  it("bounds length, depth and count", async () => {
    const refused = (data: string) => refusal("xml", { mode: "parse" }, { data });
    expect(await refused(`<a>${"x".repeat(6 * MEGABYTE)}</a>`)).toBe("too_large");
    expect(await refused("<a>".repeat(100_000))).toBe("too_deep");
    expect(await refused(`<a>${"<b/>".repeat(600_000)}</a>`)).toBe("too_large");
    let deep: unknown = 1;
    for (let at = 0; at < 5_000; at++) deep = { a: deep };
    expect(await refusal("xml", { mode: "build" }, { data: deep })).toBe("too_deep");
    for (const data of [{ "a b": 1 }, { "<x>": 1 }, { "1": 1 }])
      expect(await refusal("xml", { mode: "build" }, { data })).toBe("invalid_name");
    for (const data of [1, [], { a: 1, b: 2 }, { a: [1, 2] }, null])
      expect(await refusal("xml", { mode: "build" }, { data })).toBe("invalid_value");
  });
});
