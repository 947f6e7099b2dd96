import type { HttpRequest } from "@weft/engine/node";
import { describe, expect, it } from "vitest";
import { call, refusal } from "./call.ts";

const MEGABYTE = 1024 * 1024;

describe("html_extract", () => {
  const page = `<html><head><title>T</title></head><body><div id=a class="x y">one <b>two</b><script>bad()</script></div>
    <ul><li><a href="/1">first</a><li><a href='/2'>se&amp;cond</a></ul><input name=q value=v></body>`;
  const extract = async (...values: object[]) => (await call("html_extract", { values }, { html: page })).output;
  it("gives texts, HTML, attributes and values", async () => {
    expect(
      await extract(
        { name: "text", selector: "#a.x" },
        { name: "html", selector: "div > b", give: "html" },
        { name: "inner", selector: "li:last-child", give: "html" },
        { name: "links", selector: "a[href^='/']", give: "attribute", attribute: "href", all: true },
        { name: "value", selector: "input", give: "value" },
        { name: "none", selector: ".none" },
        { name: "never", selector: ".none", all: true },
        { name: "__proto__", selector: "title" },
      ),
    ).toEqual(
      JSON.parse(
        `{"text":"one two","html":"two","inner":"<a href=\\"/2\\">se&amp;cond</a>","links":["/1","/2"],"value":"v","none":null,"never":[],"__proto__":"T"}`,
      ),
    );
    const hidden = { name: "c", selector: "div", give: "attribute", attribute: "constructor" };
    expect(await extract(hidden)).toEqual({ c: null });
  });
  it("names what is no selector", async () => {
    for (const selector of ["a[", "::foo", "a:unknown", ">>", "a:not("]) {
      expect(await refusal("html_extract", { values: [{ name: "x", selector }] }, { html: page })).toBe("bad_selector");
    }
  });
  it("bounds length, depth and the steps of selectors", async () => {
    const refused = (html: string, selector = "a") =>
      refusal("html_extract", { values: [{ name: "x", selector }] }, { html });
    expect(await refused("x".repeat(6 * MEGABYTE))).toBe("too_large");
    expect(await refused("<div>".repeat(100_000))).toBe("too_deep");
    expect(await refused("<br>".repeat(600_000))).toBe("too_large");
    expect(await refused("<i></i>".repeat(30_000), "b ~ i ~ i ~ i ~ i")).toBe("too_slow");
  });
});

describe("markdown", () => {
  const toHtml = async (text: string, config: object = {}) =>
    (await call("markdown", { mode: "to_html", ...config }, { text })).output.output;
  const fromHtml = async (text: string) => (await call("markdown", { mode: "from_html" }, { text })).output.output;
  it("becomes HTML", async () => {
    expect(await toHtml("# A\n\n*b* **c** `d`\n\n- e\n- f\n\n| g |\n|---|\n| h |")).toBe(
      "<h1>A</h1>\n<p><em>b</em> <strong>c</strong> <code>d</code></p>\n<ul>\n<li>e</li>\n<li>f</li>\n</ul>\n" +
        "<table>\n<thead>\n<tr>\n<th>g</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>h</td>\n</tr>\n</tbody>\n</table>\n",
    );
    expect(await toHtml("a\nb", { breaks: true })).toBe("<p>a<br>\nb</p>\n");
    expect(await toHtml("see https://a.example", { linkify: true })).toContain('href="https://a.example"');
  });
  it("gives HTML that runs nothing", async () => {
    const text =
      "<script>x()</script>\n\n<img src=x onerror=y>\n\n[a](javascript:z) ![b](vbscript:z) [c](data:text/html,z)";
    const html = await toHtml(text);
    expect(html).not.toMatch(/<script|<img|href|src="(vb|java|data)/);
  });
  it("comes from HTML", async () => {
    const html = `<h2>T</h2><p>a <b>b</b> <i>c</i> <code>d\`e</code><br>f</p><ul><li>x<ul><li>y</li></ul></li><li>z</li></ul>
      <ol start=3><li>one</li><li>two</li></ol><blockquote><p>q</p><p>r</p></blockquote><pre><code class="language-js">if (a) {

  b();
}</code></pre><hr><table><tr><th>A</th><th>B</th></tr><tr><td>1|2</td><td>3</td></tr></table>
      <p><a href="http://a.example/x y">l</a> <img src="i.png" alt="p[]"> 1. * _x_ <del>o</del></p><script>no</script>`;
    expect(await fromHtml(html)).toBe(
      [
        "## T",
        "a **b** *c* ``d`e``  \nf",
        "- x\n  - y\n- z",
        "3. one\n4. two",
        "> q\n>\n> r",
        "```js\nif (a) {\n\n  b();\n}\n```",
        "---",
        "| A | B |\n| --- | --- |\n| 1\\|2 | 3 |",
        "[l](http://a.example/xy) ![p\\[\\]](i.png) 1\\. \\* \\_x\\_ ~~o~~",
      ].join("\n\n"),
    );
    expect(await fromHtml('<a href="JaVa\nscript:x">l</a><img src="javascript:x">')).toBe("l");
    expect(await fromHtml("<p># no heading</p><p>1. no list</p>")).toBe("\\# no heading\n\n1\\. no list");
  });
  it("survives there and back", async () => {
    const text = "# A\n\nb **c** *d*\n\n- e\n- f\n\n1. g\n2. h\n\n> i\n\n```\nj\n```\n\n[k](http://l.example)";
    expect(await fromHtml(await toHtml(text))).toBe(text);
  });
  it("bounds what it reads", async () => {
    expect(await refusal("markdown", { mode: "to_html" }, { text: "x".repeat(6 * MEGABYTE) })).toBe("too_large");
    expect(await refusal("markdown", { mode: "from_html" }, { text: "<b>".repeat(10_000) })).toBe("too_deep");
    const quotes = "<blockquote>".repeat(250) + "a<br>".repeat(200_000);
    expect(await refusal("markdown", { mode: "from_html" }, { text: quotes })).toBe("too_large");
    for (const text of [
      ">".repeat(100_000),
      "[".repeat(50_000),
      "- ".repeat(20_000),
      "*a ".repeat(50_000),
      "`".repeat(100_000),
    ]) {
      expect(await toHtml(text)).toMatch(/^</);
    }
  });
});

describe("rss_read", () => {
  const feed = (body: string | Uint8Array, status = 200, headers: Record<string, string> = {}) => {
    const seen: HttpRequest[] = [];
    const request = async (one: HttpRequest) => {
      seen.push(one);
      return { status, headers, body: typeof body === "string" ? Buffer.from(body) : body };
    };
    return { seen, over: { deps: { http: { request } } } };
  };
  const config = { url: "https://a.example/{{x}}" };
  it("reads RSS and Atom", async () => {
    const rss = `<?xml version="1.0"?><rss><channel><title>T</title><link>https://a.example</link><description>D</description>
      <item><title>A &amp; B</title><link>https://a.example/1</link><guid>g1</guid><pubDate>Fri, 02 Jan 2026 03:04:05 GMT</pubDate>
      <description><![CDATA[<p>x</p>]]></description></item><item><title>C</title><pubDate>rubbish</pubDate></item></channel></rss>`;
    const { seen, over } = feed(rss);
    expect((await call("rss_read", config, { x: 1 }, over)).output).toEqual({
      title: "T",
      link: "https://a.example",
      description: "D",
      items: [
        {
          id: "g1",
          title: "A & B",
          link: "https://a.example/1",
          description: "<p>x</p>",
          published: "2026-01-02T03:04:05.000Z",
          media: [],
        },
        { id: null, title: "C", link: null, description: "", published: null, media: [] },
      ],
    });
    expect(seen.map(({ url, method }) => `${method} ${url}`)).toEqual(["GET https://a.example/1"]);
    const atom = `<feed><title>F</title><entry><id>i</id><title>E</title><link href="https://e.example"/><updated>2026-01-02T00:00:00Z</updated></entry></feed>`;
    expect((await call("rss_read", { ...config, limit: 1 }, { x: 1 }, feed(atom).over)).output.items).toMatchObject([
      { id: "i", title: "E", link: "https://e.example", published: "2026-01-02T00:00:00.000Z" },
    ]);
  });
  it("reads the encoding that the feed names", async () => {
    const latin = Buffer.from(
      '<?xml version="1.0" encoding="ISO-8859-1"?><rss><channel><title>é</title></channel></rss>',
      "latin1",
    );
    expect((await call("rss_read", config, {}, feed(latin).over)).output.title).toBe("é");
  });
  it("names what went wrong", async () => {
    expect(await refusal("rss_read", config, {}, feed("<html></html>").over)).toBe("invalid_feed");
    expect(await refusal("rss_read", config, {}, feed("", 404).over)).toBe("http_error");
    expect(await refusal("rss_read", { url: "file:///etc/passwd" }, {}, feed("").over)).toBe("invalid_url");
    expect(await refusal("rss_read", config, {}, feed("<a>".repeat(10_000)).over)).toBe("too_deep");
    expect(await refusal("rss_read", config, {})).toBe("unavailable");
  });
});
